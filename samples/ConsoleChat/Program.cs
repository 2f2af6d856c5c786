using Microsoft.Extensions.AI;
using TorchKv.Extensions.AI;
using TorchKv.Runtime;

await using var engine = await Engine.LoadAsync(args.FirstOrDefault() ?? "weights/storyteller");
var client = engine.AsIChatClient();
var chat = new List<ChatMessage>();
while (Console.ReadLine() is { } line)
{
    chat.Add(new ChatMessage(ChatRole.User, line));
    var answer = new List<ChatResponseUpdate>();
    await foreach (var update in client.GetStreamingResponseAsync(chat, new ChatOptions { MaxOutputTokens = 60 }))
    {
        Console.Write(update.Text);
        answer.Add(update);
    }

    Console.WriteLine();
    chat.AddMessages(answer);
}
