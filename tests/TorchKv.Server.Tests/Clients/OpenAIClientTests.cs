using System.ClientModel;
using System.ClientModel.Primitives;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Responses;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests.Clients;

/// <summary>The official .NET client: plain, stream, usage, error, cancel.</summary>
public sealed class OpenAIClientTests(Storyteller storyteller)
{
    private static readonly ChatMessage[] Hello =
    [
        new SystemChatMessage("You tell stories."),
        new UserChatMessage("Tell me one."),
    ];

    [Fact]
    public async Task TheSeedsExampleRunsWithNothingChangedButItsAddress()
    {
        var client = new OpenAIClient(
            new ApiKeyCredential("any"),
            new OpenAIClientOptions { Endpoint = new Uri(storyteller.Server.Address, "/v1") });
        ChatCompletion response = await client.GetChatClient("gpt-4").CompleteChatAsync(
            [
                new SystemChatMessage("You are a helpful assistant."),
                new UserChatMessage("What is the capital of France?"),
            ],
            new ChatCompletionOptions { MaxOutputTokenCount = 50 });
        Assert.NotEmpty(response.Content[0].Text);
        Assert.InRange(response.Usage.OutputTokenCount, 1, 50);
    }

    [Fact]
    public async Task PlainAnswersAreRead()
    {
        ChatCompletion answer = await Client(
            storyteller.Server,
            "storyteller").CompleteChatAsync(Hello, new ChatCompletionOptions
            {
                MaxOutputTokenCount = 10,
                Temperature = 0,
                IncludeLogProbabilities = true,
                TopLogProbabilityCount = 2,
                EndUserId = "me",
            });
        Assert.Equal(ChatMessageRole.Assistant, answer.Role);
        Assert.NotEmpty(answer.Content[0].Text);
        Assert.Contains(answer.FinishReason, new[] { ChatFinishReason.Length, ChatFinishReason.Stop });
        Assert.Equal(answer.Usage.OutputTokenCount, answer.ContentTokenLogProbabilities.Count);
        Assert.Equal("storyteller", answer.Model);
        Assert.Null(answer.Refusal);
    }

    [Fact]
    public async Task StreamsAndTheirUsageAreRead()
    {
        var text = "";
        ChatTokenUsage? usage = null;
        ChatFinishReason? reason = null;
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 10, Temperature = 0 };
        await foreach (var update in Client(
            storyteller.Server,
            "storyteller").CompleteChatStreamingAsync(Hello, options))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            usage ??= update.Usage;
            reason ??= update.FinishReason;
        }

        ChatCompletion whole = await Client(storyteller.Server, "storyteller").CompleteChatAsync(Hello, options);
        Assert.Equal(whole.Content[0].Text, text);
        Assert.Equal(whole.FinishReason, reason);
        Assert.Equal(whole.Usage.OutputTokenCount, usage!.OutputTokenCount);
        Assert.NotNull(usage.InputTokenDetails);
    }

    [Fact]
    public async Task ErrorsAreExceptionsWithTheirStatus()
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(
            () => Client(storyteller.Server, "storyteller").CompleteChatAsync(
                Hello,
                new ChatCompletionOptions { MaxOutputTokenCount = 5_000 }));
        Assert.Equal(400, error.Status);
        Assert.Contains("context_length_exceeded", error.Message);
        var unknown = await Assert.ThrowsAsync<ClientResultException>(
            () => Client(storyteller.Server, "other").CompleteChatAsync(Hello));
        Assert.Equal(404, unknown.Status);
    }

    [Fact]
    public async Task AFullQueueIsTriedAgainByTheClientItself()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer)
        {
            Refusal = new Runtime.Contracts.QueueFullException(
            1,
            1)
        };
        await using var server = await RunningServer.StartAsync(fake);
        var asking = Client(server, "fake", retries: 3).CompleteChatAsync(Hello);
        while (server.Metrics.Rejected.Counts.All(count => count.Label != "overloaded"))
        {
            await Task.Delay(5);
        }

        fake.Refusal = null;
        Assert.NotEmpty((await asking).Value.Content[0].Text);
    }

    [Fact]
    public async Task CancellingAStreamEndsTheGeneration()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { IsGated = true, EndsByItself = false };
        await using var server = await RunningServer.StartAsync(fake);
        using var cancel = new CancellationTokenSource();
        fake.Release(6);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var update in Client(server, "fake").CompleteChatStreamingAsync(
                Hello,
                cancellationToken: cancel.Token))
            {
                if (update.ContentUpdate.Any(part => part.Text.Length > 0))
                {
                    await cancel.CancelAsync();
                }
            }
        });
        while (fake.Active > 0)
        {
            await Task.Delay(5);
        }
    }

    [Fact]
    public async Task AnErrorWithinAStreamReachesTheReader()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer)
        {
            Failure = (
            3,
            new Runtime.Contracts.DeadlineExceededException(TimeSpan.FromSeconds(1), 3))
        };
        await using var server = await RunningServer.StartAsync(fake);
        var reasons = new List<ChatFinishReason?>();
        var ended = false;
        try
        {
            await foreach (var update in Client(server, "fake").CompleteChatStreamingAsync(Hello))
            {
                reasons.Add(update.FinishReason);
            }
        }
        catch (Exception e) when (e is not Xunit.Sdk.XunitException)
        {
            ended = true;
        }

        // The client either throws or ends without a reason; it never reads a good end.
        Assert.True(ended || reasons.All(reason => reason is null));
    }

#pragma warning disable OPENAI001 // The client of responses is experimental.
    [Fact]
    public async Task ResponsesAreRead()
    {
        var client = new ResponsesClient(
            new ApiKeyCredential("any"),
            new ResponsesClientOptions { Endpoint = new Uri(storyteller.Server.Address, "/v1") });
        // Greedy: a text that is drawn may be empty.
        var asked = new CreateResponseOptions { Model = "storyteller", Temperature = 0, MaxOutputTokenCount = 20 };
        asked.InputItems.Add(ResponseItem.CreateUserMessageItem("Tell me a story."));
        ResponseResult response = await client.CreateResponseAsync(asked);
        Assert.NotEmpty(response.GetOutputText());
        var text = "";
        var completed = false;
        asked.StreamingEnabled = true;
        await foreach (var update in await client.CreateResponseStreamingAsync(asked))
        {
            text += (update as StreamingResponseOutputTextDeltaUpdate)?.Delta;
            completed |= update is StreamingResponseCompletedUpdate or StreamingResponseIncompleteUpdate;
        }

        Assert.NotEmpty(text);
        Assert.True(completed);
    }
#pragma warning restore OPENAI001

    [Fact]
    public async Task ModelsAreRead()
    {
        var models = (await new OpenAIClient(
            new ApiKeyCredential("any"),
            Options(storyteller.Server, retries: 0)).GetOpenAIModelClient().GetModelsAsync()).Value;
        Assert.Equal("storyteller", Assert.Single(models).Id);
    }

    private static ChatClient Client(RunningServer server, string model, int retries = 0)
        => new(model, new ApiKeyCredential("any"), Options(server, retries));

    private static OpenAIClientOptions Options(RunningServer server, int retries)
        => new() { Endpoint = new Uri(server.Address, "/v1"), RetryPolicy = new ClientRetryPolicy(retries) };
}
