using System.Security.Cryptography;
using System.Text;
using TorchKv.Router.Tests.Support;

namespace TorchKv.Router.Tests.Logs;

/// <summary>Streams whose ids routers keep in PostgreSQL.</summary>
public class PostgresJournalTests
{
    private const string Body = """{"model":"m","prompt":"Hello","max_tokens":40,"stream":true,"temperature":0.7}""";

    [Fact]
    public async Task AnotherRouterGoesOnFromTheKeptIds()
    {
        await using var postgres = await PostgresFolder.StartAsync();
        await using var first = await RunningRouter.StartAsync(
            configure: options => options with { Postgres = postgres.Connection });
        await using var second = await RunningRouter.StartAsync(
            configure: options => options with { Postgres = postgres.Connection });
        var whole = await SendAsync(first, null);
        await UntilKeptAsync(postgres);
        var blocks = whole.Split("\n\n");
        var begun = string.Join("\n\n", blocks[..4]) + "\n\n";
        var lastId = blocks[3].Split('\n').Single(line => line.StartsWith("id: ", StringComparison.Ordinal))[4..];

        // A second later, so that only the database knows when the answer was begun.
        await Task.Delay(1100);
        var rest = await SendAsync(second, lastId);
        Assert.Equal(whole, begun + rest);
        var request = Assert.Single(second.Replicas.SelectMany(replica => replica.Requests));
        Assert.Equal(int.Parse(lastId.Split(' ')[0]), request.Options.GeneratedBefore);
    }

    [Fact]
    public async Task ADatabaseThatIsAwayHoldsNothingUp()
    {
        await using var postgres = await PostgresFolder.StartAsync();
        await using var router = await RunningRouter.StartAsync(
            configure: options => options with { Postgres = postgres.Connection });
        var whole = await SendAsync(router, null);
        await UntilKeptAsync(postgres);
        await postgres.StopAsync();
        Assert.Equal(whole, await SendAsync(router, null));
        Assert.NotEqual("", await SendAsync(router, null, key: "another"));
        await postgres.StartAgainAsync();

        // What could not be written meanwhile is written now, or given up where it had ended.
        Assert.Equal(whole, await SendAsync(router, null));
    }

    private static async Task<string> SendAsync(RunningRouter router, string? lastEventId, string key = "one")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions");
        request.Content = new StringContent(Body, Encoding.UTF8, "application/json");
        request.Headers.Add("Idempotency-Key", key);
        if (lastEventId is not null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        using var response = await router.Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return text;
    }

    private static async Task UntilKeptAsync(PostgresFolder postgres)
    {
        await using var database = Npgsql.NpgsqlDataSource.Create(postgres.Connection);
        var key = SHA256.HashData(Encoding.UTF8.GetBytes("\none"));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            await using var command = database.CreateCommand(
                "select count(*) from torchkv_streams where key = $1 and cardinality(token_ids) > 4");
            command.Parameters.Add(new Npgsql.NpgsqlParameter<byte[]> { TypedValue = key });
            try
            {
                if ((long)(await command.ExecuteScalarAsync(limit.Token))! == 1)
                {
                    return;
                }
            }
            catch (Npgsql.PostgresException)
            {
                // The table is not there yet.
            }

            await Task.Delay(50, limit.Token);
        }
    }
}
