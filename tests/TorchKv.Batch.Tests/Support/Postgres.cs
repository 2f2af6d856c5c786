using TorchKv.Benchmarks.Batch;

namespace TorchKv.Batch.Tests.Support;

/// <summary>One PostgreSQL for all tests that do not kill theirs; each takes a database of its own.</summary>
public sealed class Postgres : IAsyncDisposable
{
    private readonly Lazy<Task<PostgresServer>> _server = new(PostgresServer.StartAsync);

    /// <summary>The connection to a new database; skips the test where PostgreSQL is not installed.</summary>
    public async Task<string> NewDatabaseAsync()
    {
        SkipWhereMissing();
        return await (await _server.Value).NewDatabaseAsync();
    }

    public static void SkipWhereMissing() => Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");

    public async ValueTask DisposeAsync()
    {
        if (_server.IsValueCreated)
        {
            await (await _server.Value).DisposeAsync();
        }
    }
}
