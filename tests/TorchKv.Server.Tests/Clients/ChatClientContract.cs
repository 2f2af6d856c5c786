using Microsoft.Extensions.AI;

namespace TorchKv.Server.Tests.Clients;

/// <summary>What a chat client over TorchKv does, in process and over HTTP alike.</summary>
public abstract class ChatClientContract
{
    private static readonly ChatMessage[] Hello = [new(ChatRole.User, "Tell me a story about a dog.")];

    protected abstract IChatClient Client { get; }

    [Fact]
    public async Task AnAnswerHasTextReasonModelAndUsage()
    {
        var answer = await Client.GetResponseAsync(Hello, Greedy(12));
        Assert.NotEmpty(answer.Text);
        Assert.Equal(answer.Text.TrimStart(), answer.Text);
        Assert.Equal(ChatRole.Assistant, Assert.Single(answer.Messages).Role);
        Assert.Equal("storyteller", answer.ModelId);
        Assert.NotNull(answer.ResponseId);
        Assert.NotNull(answer.CreatedAt);
        Assert.Equal(ChatFinishReason.Length, answer.FinishReason);
        Assert.Equal(12, answer.Usage!.OutputTokenCount);
        Assert.Equal(answer.Usage.InputTokenCount + 12, answer.Usage.TotalTokenCount);
        Assert.NotNull(answer.Usage.CachedInputTokenCount);
    }

    [Fact]
    public async Task AStreamJoinsToTheAnswer()
    {
        var whole = await Client.GetResponseAsync(Hello, Greedy(12));
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in Client.GetStreamingResponseAsync(Hello, Greedy(12)))
        {
            updates.Add(update);
        }

        var joined = updates.ToChatResponse();
        Assert.True(updates.Count(update => update.Text.Length > 0) > 3);
        Assert.Equal(whole.Text, joined.Text);
        Assert.Equal(whole.FinishReason, joined.FinishReason);
        Assert.Equal(whole.ModelId, joined.ModelId);
        Assert.Equal(whole.Usage!.OutputTokenCount, joined.Usage!.OutputTokenCount);
        Assert.Equal(whole.Usage.InputTokenCount, joined.Usage.InputTokenCount);
    }

    [Fact]
    public async Task InstructionsAndHistoryAreTold()
    {
        ChatMessage[] chat = [new(ChatRole.User, "My name is Ann."), new(
            ChatRole.Assistant,
            "Hello, Ann."), new(ChatRole.User, "Who am I?")];
        var options = Greedy(1);
        var without = (await Client.GetResponseAsync(chat, options)).Usage!.InputTokenCount;
        options.Instructions = "Answer briefly.";
        Assert.True((await Client.GetResponseAsync(chat, options)).Usage!.InputTokenCount > without);
    }

    [Fact]
    public async Task AStopSequenceEndsTheAnswer()
    {
        var whole = (await Client.GetResponseAsync(Hello, Greedy(12))).Text;
        var options = Greedy(12);
        options.StopSequences = [whole[8..11]];
        var stopped = await Client.GetResponseAsync(Hello, options);
        Assert.Equal(whole[..whole.IndexOf(whole[8..11], StringComparison.Ordinal)], stopped.Text);
        Assert.Equal(ChatFinishReason.Stop, stopped.FinishReason);
    }

    [Fact]
    public async Task ASeedGivesTheSameAnswer()
    {
        var options = new ChatOptions { Temperature = 1.1f, TopP = 0.9f, Seed = 42, MaxOutputTokens = 16 };
        Assert.Equal(
            (await Client.GetResponseAsync(Hello, options)).Text,
            (await Client.GetResponseAsync(Hello, options)).Text);
    }

    [Fact]
    public async Task WhatDoesNotFitIsAnError()
        => await Assert.ThrowsAnyAsync<Exception>(() => Task.Run(() => Client.GetResponseAsync(Hello, Greedy(10_000))));

    [Fact]
    public async Task CancellingEndsAStream()
    {
        using var cancel = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in Client.GetStreamingResponseAsync(Hello, new ChatOptions { Seed = 1 }, cancel.Token))
            {
                await cancel.CancelAsync();
            }
        });
    }

    [Fact]
    public void MetadataNamesTheModel()
        => Assert.Equal("storyteller", Client.GetService<ChatClientMetadata>()!.DefaultModelId);

    private static ChatOptions Greedy(int tokens) => new() { Temperature = 0, MaxOutputTokens = tokens };
}
