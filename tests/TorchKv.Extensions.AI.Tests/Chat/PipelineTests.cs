using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Logging;

namespace TorchKv.Extensions.AI.Tests.Chat;

/// <summary>The client under Microsoft.Extensions.AI's own layers.</summary>
public sealed class PipelineTests(StorytellerEngine storyteller)
{
    private static readonly ChatOptions s_options = new() { MaxOutputTokens = 8, Seed = 1 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TelemetryLoggingAndCacheComposeOverTheClient(bool streams)
    {
        const string Source = nameof(TelemetryLoggingAndCacheComposeOverTheClient);
        var source = $"{Source}.{streams}";
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = activities => activities.Name == source,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        using var log = new RecordingLog();
        using var client = storyteller.Engine.AsIChatClient(modelId: "storyteller").AsBuilder()
            .UseDistributedCache(new MemoryDistributedCache(
                Microsoft.Extensions.Options.Options.Create(new MemoryDistributedCacheOptions())))
            .UseLogging(log)
            .UseOpenTelemetry(sourceName: source)
            .Build();
        var before = storyteller.Engine.Stats.CompletedRequests;

        var first = await AskAsync(client, streams);
        var again = await AskAsync(client, streams);

        Assert.NotEqual("", first);
        Assert.Equal(first, again);
        var span = Assert.Single(spans);
        Assert.Equal("chat storyteller", span.DisplayName);
        Assert.Equal("torchkv", span.GetTagItem("gen_ai.provider.name"));
        Assert.Equal(8, span.GetTagItem("gen_ai.usage.output_tokens"));
        Assert.Contains(log.Messages, message => message.Contains("completed", StringComparison.Ordinal));
        Assert.True(storyteller.Engine.Stats.CompletedRequests > before);
    }

    private static async Task<string> AskAsync(IChatClient client, bool streams)
    {
        if (!streams)
        {
            return (await client.GetResponseAsync("Tell me a story.", s_options)).Text;
        }

        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in client.GetStreamingResponseAsync("Tell me a story.", s_options))
        {
            updates.Add(update);
        }

        return updates.ToChatResponse().Text;
    }

    private sealed class RecordingLog : ILoggerFactory, ILogger
    {
        public ConcurrentQueue<string> Messages { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter)
            => Messages.Enqueue(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
