using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Server.Models;
using TorchKv.Server.Tests.Support;

namespace TorchKv.Server.Tests;

public sealed class LogTests
{
    private const string Secret = "xylophone";
    private const string Answer = "upon";

    [Fact]
    public async Task ARequestIsOneEntryWithItsFields()
    {
        var log = new LogList();
        await using var server = await StartAsync(log);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent(Body(stream: false), null, "application/json"),
        };
        request.Headers.Add("x-request-id", "mine-1");
        using var response = await server.Client.SendAsync(request);
        await response.Content.ReadAsStringAsync();
        await log.Until(entry => Has(entry, "RequestId", "mine-1"));

        var entry = Assert.Single(log.Entries, entry => Has(entry, "RequestId", "mine-1"));
        Assert.Equal(LogLevel.Information, entry.Level);
        Assert.Equal("/v1/completions", entry.Fields["Endpoint"]);
        Assert.Equal(200, entry.Fields["Status"]);
        Assert.IsType<double>(entry.Fields["Milliseconds"]);
    }

    [Fact]
    public async Task AStreamWhoseClientLeftIsLoggedAs499()
    {
        var log = new LogList();
        await using var server = await StartAsync(log, new FakeGenerator(Storyteller.Tokenizer) { IsGated = true });
        using (var leave = new CancellationTokenSource())
        {
            var asking = server.PostAsync("/v1/completions", Body(stream: true), cancellationToken: leave.Token);
            await LogList.Until(() => server.Metrics.Streams == 1);
            await leave.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        }

        await log.Until(entry => entry.Fields.ContainsKey("Milliseconds"));
        var entry = Assert.Single(log.Entries, entry => entry.Fields.ContainsKey("Milliseconds"));
        Assert.Equal(499, entry.Fields["Status"]);
    }

    [Fact]
    public async Task NothingOfPromptsOrAnswersIsLogged()
    {
        var log = new LogList();
        await using var server = await StartAsync(log);
        foreach (var stream in new[] { false, true })
        {
            using var response = await server.PostAsync("/v1/completions", Body(stream));
            Assert.Contains(Answer, await response.Content.ReadAsStringAsync());
        }

        await server.RefusedAsync("/v1/completions", $$"""{"model":"logged","prompt":"{{Secret}}","n":0}""", 400);
        await server.RefusedAsync("/v1/completions", $$"""{"model":"logged","prompt":"{{Secret}}""", 400);
        await LogList.Until(() => log.Entries.Count(entry => entry.Fields.ContainsKey("Milliseconds")) == 4);
        Assert.DoesNotContain(log.Entries, entry => entry.Text.Contains(Secret) || entry.Text.Contains(Answer));
    }

    private static async Task<RunningServer> StartAsync(LogList log, FakeGenerator? generator = null)
    {
        var fake = generator ?? new FakeGenerator(Storyteller.Tokenizer);
        var model = new ServedModel("logged", fake, Storyteller.Tokenizer, ChatTemplates.Plain);
        var server = await RunningServer.StartLoadingAsync(
            _ => Task.FromResult(model),
            build: builder => builder.Logging.AddProvider(log).SetMinimumLevel(LogLevel.Trace));
        await server.Models.Loaded;
        while (server.Models.State == ServerState.Loading)
        {
            await Task.Yield();
        }

        fake.Arm();
        return server;
    }

    private static string Body(bool stream)
        => $$"""{"model":"logged","prompt":"{{Secret}}","max_tokens":3,"stream":{{(stream ? "true" : "false")}}}""";

    private static bool Has(Entry entry, string name, string value)
        => entry.Fields.TryGetValue(name, out var found) && Equals(found, value);

    private sealed record Entry(LogLevel Level, string Text, IReadOnlyDictionary<string, object?> Fields);

    private sealed class LogList : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<Entry> Entries { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            var fields = state as IEnumerable<KeyValuePair<string, object?>> ?? [];
            Entries.Enqueue(new Entry(
                logLevel,
                formatter(state, exception) + exception,
                fields.DistinctBy(field => field.Key).ToDictionary(field => field.Key, field => field.Value)));
        }

        /// <summary>Waits for an entry: the log's line comes after the answer.</summary>
        public Task Until(Predicate<Entry> isIt) => Until(() => Entries.Any(entry => isIt(entry)));

        public static async Task Until(Func<bool> isSo)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            while (!isSo())
            {
                await Task.Delay(1, patience.Token);
            }
        }

        public void Dispose()
        {
        }
    }
}
