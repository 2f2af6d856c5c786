using Microsoft.Extensions.AI;
using TorchKv.Extensions.AI.Chat;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Extensions.AI.Tests.Chat;

public sealed class EngineChatClientTests(StorytellerEngine storyteller)
{
    private static readonly ChatMessage[] Hello = [new(ChatRole.User, "Once upon a time")];
    private static readonly ChatOptions Greedy = new() { Temperature = 0, MaxOutputTokens = 12 };
    private readonly IChatClient _client = storyteller.Engine.AsIChatClient(ChatTemplates.Plain, "storyteller");

    [Fact]
    public async Task TheAnswerIsTheEnginesText()
    {
        var expected = "";
        await foreach (var piece in storyteller.Engine.GenerateAsync(
            "Once upon a time",
            new GenerationOptions { MaxNewTokens = 12 }))
        {
            expected += piece.Text;
        }

        var response = await _client.GetResponseAsync(Hello, Greedy);
        Assert.Equal(expected, response.Text);
        Assert.NotEmpty(expected);
    }

    [Fact]
    public async Task TheStreamJoinsToTheWholeAnswer()
    {
        var whole = await _client.GetResponseAsync(Hello, Greedy);
        var updates = await _client.GetStreamingResponseAsync(Hello, Greedy).ToListAsync();
        var joined = updates.ToChatResponse();
        Assert.True(updates.Count > 2);
        Assert.Equal(whole.Text, joined.Text);
        Assert.Equal(whole.FinishReason, joined.FinishReason);
        Assert.Equal(whole.ModelId, joined.ModelId);
        Assert.Equal(whole.Usage!.OutputTokenCount, joined.Usage!.OutputTokenCount);
        Assert.Equal(whole.Usage.InputTokenCount, joined.Usage.InputTokenCount);
        Assert.Equal(whole.Messages.Count, joined.Messages.Count);
    }

    [Fact]
    public async Task EveryUpdateNamesAnswerMessageModelAndRole()
    {
        var updates = await _client.GetStreamingResponseAsync(Hello, Greedy).ToListAsync();
        Assert.Single(updates.Select(u => (u.ResponseId, u.MessageId, u.CreatedAt, u.ModelId, u.Role)).Distinct());
        Assert.Equal("storyteller", updates[0].ModelId);
        Assert.NotNull(updates[0].ResponseId);
        Assert.NotNull(updates[0].CreatedAt);
        Assert.All(updates, u => Assert.IsType<GeneratedPiece>(u.RawRepresentation));
        Assert.All(updates[..^1], u => Assert.Null(u.FinishReason));
        Assert.Equal(ChatFinishReason.Length, updates[^1].FinishReason);
    }

    [Fact]
    public async Task UsageCountsPromptAnswerAndCachedTokens()
    {
        ChatMessage[] chat = [new(
            ChatRole.User,
            string.Concat(Enumerable.Repeat("There was a cat who had a hat. ", 8)))];
        var usage = (await _client.GetResponseAsync(chat, Greedy)).Usage!;
        Assert.Equal(12, usage.OutputTokenCount);
        Assert.Equal(usage.InputTokenCount + 12, usage.TotalTokenCount);
        var again = (await _client.GetResponseAsync(chat, Greedy)).Usage!;
        Assert.True(
            again.CachedInputTokenCount >= 16,
            $"{again.CachedInputTokenCount} of {again.InputTokenCount} were cached.");
    }

    [Fact]
    public async Task InstructionsComeFirst()
    {
        var with = new ChatOptions { Temperature = 0, MaxOutputTokens = 1, Instructions = "A long story follows." };
        ChatMessage[] spelled = [new(ChatRole.System, "A long story follows."), .. Hello];
        var a = await _client.GetResponseAsync(Hello, with);
        var b = await _client.GetResponseAsync(spelled, Greedy);
        Assert.Equal(b.Usage!.InputTokenCount, a.Usage!.InputTokenCount);
    }

    [Fact]
    public async Task OptionsAndMessagesStayAsTheyWere()
    {
        var options = new ChatOptions
        {
            Temperature = 0,
            MaxOutputTokens = 2,
            StopSequences = ["x"],
            Instructions = "i",
        };
        List<ChatMessage> messages = [.. Hello];
        await storyteller.Engine.AsIChatClient().GetResponseAsync(messages, options);
        Assert.Single(messages);
        Assert.Equal(["x"], options.StopSequences);
        Assert.Null(options.ModelId);
    }

    [Fact]
    public async Task AStopTextEndsTheAnswer()
    {
        var whole = (await _client.GetResponseAsync(Hello, Greedy)).Text;
        var stop = whole[6..9];
        var stopped = await _client.GetResponseAsync(
            Hello,
            new ChatOptions { Temperature = 0, MaxOutputTokens = 12, StopSequences = [stop] });
        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], stopped.Text);
        Assert.Equal(ChatFinishReason.Stop, stopped.FinishReason);
    }

    [Fact]
    public async Task TheTranscriptsAnswerHasNoLeadingBlank()
    {
        var answer = await storyteller.Engine.AsIChatClient().GetResponseAsync(Hello, Greedy);
        Assert.Equal(answer.Text.TrimStart(), answer.Text);
        Assert.NotEmpty(answer.Text);
    }

    [Fact]
    public async Task TheSameSeedGivesTheSameAnswer()
    {
        var options = new ChatOptions { Temperature = 0.9f, MaxOutputTokens = 20, Seed = -7, TopP = 0.95f, TopK = 50 };
        var a = await _client.GetResponseAsync(Hello, options);
        var b = await _client.GetResponseAsync(Hello, options);
        Assert.Equal(a.Text, b.Text);
    }

    [Fact]
    public async Task RawOptionsAreTheStart()
    {
        var options = new ChatOptions
        {
            MaxOutputTokens = 9,
            RawRepresentationFactory = _ => new GenerationOptions { Temperature = 0, MaxNewTokens = 3 },
        };
        Assert.Equal(3, (await _client.GetResponseAsync(Hello, options)).Usage!.OutputTokenCount);
    }

    [Fact]
    public async Task AnotherModelsNameIsRefused()
    {
        var error = await Assert.ThrowsAsync<OptionException>(
            () => Task.Run(() => _client.GetResponseAsync(Hello, new ChatOptions { ModelId = "gpt-9" })));
        Assert.Equal("model", error.Option);
    }

    [Fact]
    public void ConversationsAreRefused() => Assert.Throws<NotSupportedException>(
        () => { _client.GetStreamingResponseAsync(Hello, new ChatOptions { ConversationId = "c" }); });

    [Fact]
    public void ContentThatIsNotTextIsRefused()
    {
        ChatMessage[] picture = [new(ChatRole.User, [new UriContent("http://localhost/a.png", "image/png")])];
        Assert.Contains(
            "UriContent",
            Assert.Throws<NotSupportedException>(() => { _client.GetStreamingResponseAsync(picture); }).Message);
    }

    [Fact]
    public async Task AnAnswerThatDoesNotFitTheContextIsRefused()
    {
        await Assert.ThrowsAsync<ContextLengthException>(
            () => Task.Run(() => _client.GetResponseAsync(Hello, new ChatOptions { MaxOutputTokens = 100_000 })));
    }

    [Fact]
    public async Task CancellingEndsTheStream()
    {
        using var cancel = new CancellationTokenSource();
        var read = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in _client.GetStreamingResponseAsync(
                Hello,
                new ChatOptions { Seed = 1 },
                cancel.Token))
            {
                read++;
                await cancel.CancelAsync();
            }
        });
        Assert.True(read >= 1);
    }

    [Fact]
    public void ServicesAreFoundByType()
    {
        var metadata = _client.GetService<ChatClientMetadata>()!;
        Assert.Equal("torchkv", metadata.ProviderName);
        Assert.Equal("storyteller", metadata.DefaultModelId);
        Assert.Same(storyteller.Engine, _client.GetService<Engine>());
        Assert.Same(storyteller.Engine, _client.GetService<IGenerator>());
        Assert.Same(storyteller.Engine.Tokenizer, _client.GetService<Gpt2Tokenizer>());
        Assert.Same(_client, _client.GetService<EngineChatClient>());
        Assert.Same(_client, _client.GetService<IChatClient>());
        Assert.Null(_client.GetService<string>());
        Assert.Null(_client.GetService(typeof(Engine), "key"));
    }

    [Fact]
    public async Task DisposingTheClientLeavesTheEngine()
    {
        storyteller.Engine.AsIChatClient().Dispose();
        Assert.NotEmpty((await _client.GetResponseAsync(Hello, Greedy)).Text);
    }
}
