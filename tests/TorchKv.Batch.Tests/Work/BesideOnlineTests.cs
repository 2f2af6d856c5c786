using System.Text.Json.Nodes;
using Npgsql;
using TorchKv.Batch.Errors;
using TorchKv.Batch.Store;
using TorchKv.Batch.Tests.Support;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Tests.Support;

namespace TorchKv.Batch.Tests.Work;

/// <summary>Batches beside requests that are no batch's, and beside a database that is away.</summary>
public class BesideOnlineTests(Postgres postgres)
{
    [Fact]
    public async Task FewRequestsOfBatchesBeginWhileOthersRun()
    {
        var fake = new FakeGenerator(Small.Tokenizer) { IsGated = true };
        await using var server = await BatchServer.StartAsync(
            await postgres.NewDatabaseAsync(), fake, options => (options.Concurrency, options.ConcurrencyWhenBusy) = (12, 2));
        var online = server.SendAsync(HttpMethod.Post, "/v1/completions", BatchServer.Json(Online()));
        await fake.Begun;
        var batch = await server.CreateAsync(Enumerable.Range(0, 40).Select(i => Requests.Completion($"c{i}")));
        await server.WaitAsync(batch, "in_progress");
        await Until(() => fake.Active == 3);
        await Task.Delay(300);
        Assert.Equal(3, fake.Active);

        fake.Release(10_000);
        await online;
        await server.WaitAsync(batch, "completed");
        Assert.Equal(41, fake.Started);
    }

    [Fact]
    public async Task RequestsRunOnWhileTheDatabaseIsAway()
    {
        await using var server = await BatchServer.StartAsync(
            "Host=/nowhere;Database=none;Username=none", new FakeGenerator(Small.Tokenizer));

        _ = await server.SendAsync(HttpMethod.Post, "/v1/completions", BatchServer.Json(Online()));

        Assert.Equal("unavailable", await server.RefusedAsync(503, HttpMethod.Get, "/v1/files"));
        Assert.Equal("unavailable", await server.RefusedAsync(503, HttpMethod.Get, "/v1/batches/batch_1"));
        using var response = await server.Client.GetAsync("/v1/batches");
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Fact]
    public async Task ManyServersMakeTheTablesOnce()
    {
        var connection = await postgres.NewDatabaseAsync();
        BatchDatabase[] databases = [.. Enumerable.Range(0, 8).Select(_ => new BatchDatabase(connection))];
        await Task.WhenAll(databases.Select(async database =>
        {
            await using var open = await database.OpenAsync(default);
        }));
        await using (var open = await databases[0].OpenAsync(default))
        {
            await using var command = new NpgsqlCommand(
                "select count(*) from torchkv_batch.version; insert into torchkv_batch.version (number) values (99)", open);
            Assert.Equal((long)Migrations.All.Count, await command.ExecuteScalarAsync());
        }

        await using var late = new BatchDatabase(connection);
        var error = await Assert.ThrowsAsync<BatchException>(() => late.OpenAsync(default));
        Assert.Contains("version 99, and this server knows", error.Message);
        foreach (var database in databases)
        {
            await database.DisposeAsync();
        }
    }

    [Fact]
    public async Task AServerFailureIsTriedAgainThenAnError()
    {
        var fake = new FakeGenerator(Small.Tokenizer);
        await using var server = await BatchServer.StartAsync(
            await postgres.NewDatabaseAsync(), fake, options => (options.MaxTries, options.Concurrency) = (1, 1));
        fake.Failure = (0, new RequestFailedException("a defect", null));

        var done = await server.WaitAsync(await server.CreateAsync([Requests.Completion("a")]), "completed");

        Assert.Equal(2, fake.Started);
        var failure = Assert.Single(await server.LinesAsync(done["error_file_id"]));
        Assert.Equal(500, (int)failure["response"]!["status_code"]!);
    }

    [Fact]
    public void AConnectionThatCannotBeReadIsRefusedAtOnce()
    {
        var error = Assert.Throws<BatchException>(() => new BatchDatabase("Nonsense=1"));
        Assert.StartsWith("The connection to PostgreSQL cannot be read: ", error.Message);
    }

    private static JsonObject Online() => new() { ["model"] = "storyteller", ["prompt"] = "x", ["max_tokens"] = 3 };

    private static async Task Until(Func<bool> isSo)
    {
        for (var i = 0; i < 2000 && !isSo(); i++)
        {
            await Task.Delay(10);
        }

        Assert.True(isSo());
    }
}
