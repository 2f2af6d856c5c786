using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using TorchKv.Benchmarks.Batch;
using TorchKv.TestSupport;

namespace TorchKv.Cli.Tests;

/// <summary><c>torchkv serve --postgres</c> as processes that are killed.</summary>
public class ServeBatchTests
{
    [Fact]
    public async Task ABatchSurvivesTheDeathOfServersAndDatabase()
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");
        await using var postgres = await PostgresServer.StartAsync();
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["in.jsonl"], Enumerable.Range(0, 200).Select(Line));
        var alone = await CommandLineRun.Of(
            "batch", folder["in.jsonl"], folder["out.jsonl"], "--json", "--model", Storyteller.Folder, "--runner", "cpu");
        Assert.Equal(200, alone.Json.GetProperty("answered").GetInt32());
        string[] serve =
        [
            "--model", Storyteller.Folder, "--runner", "cpu", "--threads", "1", "--postgres", postgres.Connection,
            "--batch-concurrency", "4", "--batch-lease", "1",
        ];
        using var first = await ServeProcess.Start(serve);
        using var second = await ServeProcess.Start(serve);
        var batch = await CreateAsync(second.Client, folder["in.jsonl"]);
        await CompletedAsync(second.Client, batch, 20);
        first.Kill();
        await CompletedAsync(second.Client, batch, 60);
        postgres.Kill();
        using var chat = await second.Client.PostAsJsonAsync(
            "/v1/completions", new { model = "storyteller", prompt = "Once", max_tokens = 2 });
        Assert.True(chat.IsSuccessStatusCode);
        using var away = await second.Client.GetAsync("/v1/files");
        Assert.Equal(503, (int)away.StatusCode);
        await postgres.RestartAsync();
        await CompletedAsync(second.Client, batch, 120);
        second.Kill();
        using var third = await ServeProcess.Start(serve);

        var done = await CompletedAsync(third.Client, batch, 200);

        // Greedy answers do not depend on ids and seeds, so those of one undisturbed run are the measure.
        var text = await third.Client.GetStringAsync($"/v1/files/{done["output_file_id"]}/content");
        Assert.Equal(
            File.ReadLines(folder["out.jsonl"]).Select(TextOf),
            text.TrimEnd('\n').Split('\n').Select(TextOf));
        Assert.Null(done["error_file_id"]);
    }

    [Fact]
    public Task BatchOptionsNeedADatabase() => Task.WhenAll(
        CommandLineRun.RefusesUsage("--batch-lease goes with --postgres.", "serve", "--batch-lease", "5"),
        CommandLineRun.RefusesUsage("--postgres: '' says nothing", "serve", "--postgres", ""),
        CommandLineRun.Fails("The connection to PostgreSQL cannot be read", "serve", "--postgres", "nonsense"));

    private static string Line(int i) => string.Create(
        CultureInfo.InvariantCulture,
        $"{{\"custom_id\":\"c{i}\",\"method\":\"POST\",\"url\":\"/v1/completions\",\"body\":{{\"model\":\"storyteller\",\"prompt\":\"Once {i}\",\"temperature\":0,\"max_tokens\":{8 + (i % 20)}}}}}");

    private static string TextOf(string line)
    {
        var record = JsonNode.Parse(line)!;
        return $"{record["custom_id"]}: {record["response"]!["body"]!["choices"]![0]!["text"]}";
    }

    private static async Task<string> CreateAsync(HttpClient client, string path)
    {
        using var form = new MultipartFormDataContent
        {
            { new ByteArrayContent(await File.ReadAllBytesAsync(path)), "file", "in.jsonl" },
            { new StringContent("batch", Encoding.UTF8), "purpose" },
        };
        using var upload = await client.PostAsync("/v1/files", form);
        var file = JsonNode.Parse(await upload.Content.ReadAsStringAsync())!;
        using var made = await client.PostAsJsonAsync(
            "/v1/batches",
            new { input_file_id = (string)file["id"]!, endpoint = "/v1/completions", completion_window = "1h" });
        return (string)JsonNode.Parse(await made.Content.ReadAsStringAsync())!["id"]!;
    }

    /// <summary>Waits until so many lines are answered; of all of them, until their file is there.</summary>
    private static async Task<JsonNode> CompletedAsync(HttpClient client, string batch, int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            using var response = await client.GetAsync($"/v1/batches/{batch}", limit.Token);
            var now = JsonNode.Parse(await response.Content.ReadAsStringAsync(limit.Token))!;
            if (response.IsSuccessStatusCode && (int)now["request_counts"]!["completed"]! >= count
                && (count < 200 || (string)now["status"]! == "completed"))
            {
                return now;
            }

            await Task.Delay(20, limit.Token);
        }
    }
}
