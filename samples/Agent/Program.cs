using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;
using TorchKv.Extensions.AI;
using TorchKv.Runtime;

await using var engine = await Engine.LoadAsync(args.FirstOrDefault() ?? "weights/storyteller");
var agent = new ChatClientAgent(engine.AsIChatClient(), "You tell short stories.", "Storyteller");
var session = await agent.CreateSessionAsync();
var options = new ChatClientAgentRunOptions(new ChatOptions { MaxOutputTokens = 60 });
foreach (var wish in (string[])["A story about a dog.", "What did the dog do next?"])
{
    Console.WriteLine($"{wish}\n  {(await agent.RunAsync(wish, session, options)).Text}");
}
