using System.Text.Json.Nodes;
using TorchKv.Batch.Endpoints;
using TorchKv.Batch.Tests.Support;
using TorchKv.Server.Tests.Support;
using TorchKv.TestSupport;

namespace TorchKv.Batch.Tests.Endpoints;

public class BatchEndpointTests(Postgres postgres, Small small)
{
    [Fact]
    public async Task ABatchGivesTheBodiesThatTheServerGives()
    {
        await using var server = await BatchServer.StartAsync(await postgres.NewDatabaseAsync(), small.Model);
        string[] lines = [.. Requests.Mixed(24).Where(line => line.Contains("/v1/completions", StringComparison.Ordinal))];

        var made = await server.CreateAsync(lines);
        var done = await server.WaitAsync(made, "completed", "failed");

        Assert.Equal(lines.Length, (int)done["request_counts"]!["completed"]!);
        Assert.Null(done["error_file_id"]);
        var answers = await server.LinesAsync(done["output_file_id"]);
        Assert.Equal(lines.Length, answers.Length);
        foreach (var (line, answer) in lines.Select(line => JsonNode.Parse(line)!).Zip(answers))
        {
            Assert.Equal((string)line["custom_id"]!, (string)answer["custom_id"]!);
            var body = answer["response"]!["body"]!;

            // The same request over HTTP, with the id and, where it draws, the seed that the batch gave it.
            var id = (string)body["id"]!;
            var asked = line["body"]!.DeepClone();
            asked["request_id"] = id["cmpl-".Length..];
            var hash = UInt128.Parse(id["cmpl-".Length..], System.Globalization.NumberStyles.HexNumber);
            asked["seed"] = ((ulong)(hash >> 64) ^ (ulong)hash) & long.MaxValue;
            if (asked["prompt"] is JsonArray && asked["temperature"] is null)
            {
                continue;
            }

            var direct = await server.SendAsync(HttpMethod.Post, "/v1/completions", BatchServer.Json(asked));
            direct["created"] = body["created"]!.DeepClone();
            direct["usage"]!["prompt_tokens_details"]!["cached_tokens"] = 0;
            Assert.Equal(direct.ToJsonString(), body.ToJsonString());
        }
    }

    [Fact]
    public async Task ABatchHasOpenAIsFormAllItsLife()
    {
        var fake = new FakeGenerator(Small.Tokenizer) { IsGated = true };
        await using var server = await BatchServer.StartAsync(await postgres.NewDatabaseAsync(), fake);

        var file = await server.UploadAsync([Requests.Completion("a"), Requests.Completion("b", maxTokens: 9999)]);
        Assert.Equal(
            ["id", "object", "bytes", "created_at", "expires_at", "filename", "purpose", "status"],
            file.AsObject().Select(field => field.Key));
        Assert.Equal(("file", "in.jsonl", "batch"), ((string)file["object"]!, (string)file["filename"]!, (string)file["purpose"]!));
        var made = await server.SendAsync(HttpMethod.Post, "/v1/batches", BatchServer.Json(new JsonObject
        {
            ["input_file_id"] = file["id"]!.DeepClone(),
            ["endpoint"] = "/v1/completions",
            ["completion_window"] = "24h",
            ["metadata"] = new JsonObject { ["what"] = "ü" },
        }));
        Assert.Equal(
            [
                "id", "object", "endpoint", "errors", "input_file_id", "completion_window", "status", "output_file_id",
                "error_file_id", "created_at", "in_progress_at", "expires_at", "finalizing_at", "completed_at",
                "failed_at", "expired_at", "cancelling_at", "cancelled_at", "request_counts", "metadata",
            ],
            made.AsObject().Select(field => field.Key));
        Assert.Equal("validating", (string)made["status"]!);
        Assert.Equal("ü", (string)made["metadata"]!["what"]!);
        Assert.Equal(86400, (long)made["expires_at"]! - (long)made["created_at"]!);
        var running = await server.WaitAsync(made, "in_progress");
        Assert.Equal(2, (int)running["request_counts"]!["total"]!);
        await fake.Begun;
        Assert.Equal(int.MaxValue, fake.LastOptions!.Priority);
        Assert.Null(fake.LastOptions.Deadline);
        fake.Release(1000);
        var done = await server.WaitAsync(made, "completed");

        Assert.Equal((1, 1), ((int)done["request_counts"]!["completed"]!, (int)done["request_counts"]!["failed"]!));
        var failure = Assert.Single(await server.LinesAsync(done["error_file_id"]));
        Assert.Equal(("b", 400), ((string)failure["custom_id"]!, (int)failure["response"]!["status_code"]!));
        Assert.Equal("a", (string)Assert.Single(await server.LinesAsync(done["output_file_id"]))["custom_id"]!);
        var output = await server.GetAsync($"/v1/files/{done["output_file_id"]}");
        Assert.Equal("batch_output", (string)output["purpose"]!);
        Assert.Equal("batch_not_cancellable id", await server.RefusedAsync(409, HttpMethod.Post, $"/v1/batches/{done["id"]}/cancel"));
    }

    [Fact]
    public async Task ACancelledBatchKeepsWhatIsFinished()
    {
        var fake = new FakeGenerator(Small.Tokenizer) { IsGated = true, Says = "a" };
        await using var server = await BatchServer.StartAsync(
            await postgres.NewDatabaseAsync(),
            fake,
            options => (options.Concurrency, options.Lease) = (1, TimeSpan.FromSeconds(0.6)));
        var made = await server.CreateAsync(Enumerable.Range(0, 50).Select(i => Requests.Completion($"c{i}")));
        await fake.Begun;
        for (var done = 0; done < 3; done = (int)(await server.GetAsync($"/v1/batches/{made["id"]}"))["request_counts"]!["completed"]!)
        {
            fake.Release(1);
            await Task.Delay(5);
        }

        var cancelling = await server.SendAsync(HttpMethod.Post, $"/v1/batches/{made["id"]}/cancel", null);
        Assert.Contains((string)cancelling["status"]!, (string[])["cancelling", "cancelled"]);
        var cancelled = await server.WaitAsync(made, "cancelled");

        var answers = await server.LinesAsync(cancelled["output_file_id"]);
        Assert.InRange(answers.Length, 3, 49);
        Assert.Equal(answers.Length, (int)cancelled["request_counts"]!["completed"]!);
        Assert.Equal(Enumerable.Range(0, answers.Length).Select(i => $"c{i}"), answers.Select(answer => (string)answer["custom_id"]!));
        Assert.NotNull(cancelled["cancelled_at"]);
        while (fake.Active > 0)
        {
            // The one that runs is ended at the next renewal.
            await Task.Delay(10);
        }
    }

    [Fact]
    public async Task AnExpiredBatchSaysSoForEachRemainingRequest()
    {
        var fake = new FakeGenerator(Small.Tokenizer) { IsGated = true, Says = "a" };
        await using var server = await BatchServer.StartAsync(
            await postgres.NewDatabaseAsync(), fake, options => options.Concurrency = 1);
        fake.Release(2);
        var made = await server.CreateAsync(
            Enumerable.Range(0, 5).Select(i => Requests.Completion($"\"ü{i}\"", maxTokens: 1)), window: "3s");

        var expired = await server.WaitAsync(made, "expired");

        var answers = await server.LinesAsync(expired["output_file_id"]);
        var failures = await server.LinesAsync(expired["error_file_id"]);
        Assert.Equal(
            ["\"ü0\"", "\"ü1\"", "\"ü2\"", "\"ü3\"", "\"ü4\""],
            answers.Concat(failures).Select(line => (string)line["custom_id"]!));
        Assert.NotEmpty(failures);
        Assert.All(failures, failure => Assert.Equal("batch_expired", (string)failure["error"]!["code"]!));
        Assert.All(failures, failure => Assert.Matches("^batch_req_[0-9a-f]{32}$", (string)failure["id"]!));
        Assert.Equal(failures.Length, (int)expired["request_counts"]!["failed"]!);
    }

    [Fact]
    public async Task AFaultyInputFailsAndNamesItsLines()
    {
        await using var server = await BatchServer.StartAsync(
            await postgres.NewDatabaseAsync(),
            new FakeGenerator(Small.Tokenizer),
            options => options.MaxRequests = 4);
        var faulty = await server.WaitAsync(
            await server.CreateAsync(
            [
                Requests.Completion("a"), "{", Requests.Completion("a"),
                Requests.Line("b", "/v1/chat/completions", []),
            ]),
            "failed");
        Assert.Equal(
            ["invalid_json_line 2", "duplicate_custom_id 3", "mismatched_url 4"],
            faulty["errors"]!["data"]!.AsArray().Select(error => $"{error!["code"]} {error["line"]}"));
        Assert.Equal("list", (string)faulty["errors"]!["object"]!);
        Assert.Equal(0, (int)faulty["request_counts"]!["total"]!);
        var long5 = await server.WaitAsync(
            await server.CreateAsync(Enumerable.Range(0, 5).Select(i => Requests.Completion($"c{i}"))), "failed");
        Assert.Equal("too_many_requests", (string)long5["errors"]!["data"]![0]!["code"]!);
        var blank = await server.WaitAsync(await server.CreateAsync(["", " "]), "failed");
        Assert.Equal("empty_file", (string)blank["errors"]!["data"]![0]!["code"]!);
    }

    [Fact]
    public async Task WrongBatchesAreRefusedByField()
    {
        await using var server = await BatchServer.StartAsync(
            await postgres.NewDatabaseAsync(),
            new FakeGenerator(Small.Tokenizer) { IsGated = true },
            options => (options.MaxOpenBatches, options.Works) = (2, false));
        var file = (string)(await server.UploadAsync([Requests.Completion("a")]))["id"]!;
        (string Field, JsonNode? Value, int Status, string Code)[] cases =
        [
            ("input_file_id", null, 400, "missing_field input_file_id"),
            ("input_file_id", "file-none", 404, "file_not_found input_file_id"),
            ("endpoint", null, 400, "missing_field endpoint"),
            ("endpoint", "/v1/embeddings", 400, "unsupported_value endpoint"),
            ("completion_window", null, 400, "missing_field completion_window"),
            ("completion_window", "31d", 400, "invalid_value completion_window"),
            ("completion_window", "h", 400, "invalid_value completion_window"),
            ("completion_window", "99999999999h", 400, "invalid_value completion_window"),
            ("metadata", new JsonObject { ["a"] = new string('x', 513) }, 400, "invalid_value metadata"),
            ("metadata", new JsonArray(), 400, "invalid_type metadata"),
            ("output_expires_after", new JsonObject { ["anchor"] = "created_at", ["seconds"] = 1 }, 400, "invalid_value output_expires_after"),
        ];
        foreach (var (field, value, status, code) in cases)
        {
            var body = new JsonObject
            {
                ["input_file_id"] = file,
                ["endpoint"] = "/v1/completions",
                ["completion_window"] = "24h",
            };
            body[field] = value;
            Assert.Equal(code, await server.RefusedAsync(status, HttpMethod.Post, "/v1/batches", BatchServer.Json(body)));
        }

        Assert.Equal("batch_not_found id", await server.RefusedAsync(404, HttpMethod.Get, "/v1/batches/batch_no"));
        Assert.Equal("batch_not_found id", await server.RefusedAsync(404, HttpMethod.Post, "/v1/batches/batch_no/cancel"));
        Assert.Equal("invalid_value limit", await server.RefusedAsync(400, HttpMethod.Get, "/v1/batches?limit=0"));
        var first = await server.CreateOfAsync(file);
        var second = await server.CreateOfAsync(file);
        Assert.Equal("too_many_batches", await server.RefusedAsync(429, HttpMethod.Post, "/v1/batches", BatchServer.Json(new JsonObject
        {
            ["input_file_id"] = file,
            ["endpoint"] = "/v1/completions",
            ["completion_window"] = "24h",
        })));
        var list = await server.GetAsync("/v1/batches?limit=1");
        Assert.True((bool)list["has_more"]!);
        Assert.Equal((string)second["id"]!, (string)list["data"]![0]!["id"]!);
        var rest = await server.GetAsync($"/v1/batches?after={second["id"]}");
        Assert.False((bool)rest["has_more"]!);
        Assert.Equal((string)first["id"]!, (string)rest["last_id"]!);
    }

    [Fact]
    public async Task AKeySeesItsOwnFilesAndBatchesAlone()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["keys"], "ann key-a\nbob key-b\n");
        await using var server = await BatchServer.StartAsync(
            await postgres.NewDatabaseAsync(),
            new FakeGenerator(Small.Tokenizer),
            configure: options => options.ApiKeyFile = folder["keys"]);
        Assert.Equal("invalid_api_key", await server.RefusedAsync(401, HttpMethod.Get, "/v1/files"));
        server.Key = "key-a";
        var done = await server.WaitAsync(await server.CreateAsync([Requests.Completion("a")]), "completed");
        string[] paths =
        [
            $"/v1/files/{done["input_file_id"]}", $"/v1/files/{done["output_file_id"]}/content", $"/v1/batches/{done["id"]}",
        ];
        foreach (var path in paths)
        {
            _ = await server.RefusedAsync(405, HttpMethod.Put, path);
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Authorization = new("Bearer", "key-a");
            Assert.True((await server.Client.SendAsync(request)).IsSuccessStatusCode);
        }

        server.Key = "key-b";
        foreach (var path in paths)
        {
            Assert.EndsWith("_not_found id", await server.RefusedAsync(404, HttpMethod.Get, path));
        }

        Assert.Equal("file_not_found id", await server.RefusedAsync(404, HttpMethod.Delete, paths[0]));
        Assert.Equal("batch_not_found id", await server.RefusedAsync(404, HttpMethod.Post, paths[2] + "/cancel"));
        Assert.Equal("file_not_found input_file_id", await server.RefusedAsync(404, HttpMethod.Post, "/v1/batches", BatchServer.Json(new JsonObject
        {
            ["input_file_id"] = done["input_file_id"]!.DeepClone(),
            ["endpoint"] = "/v1/completions",
            ["completion_window"] = "24h",
        })));
        Assert.Empty((await server.GetAsync("/v1/files"))["data"]!.AsArray());
        Assert.Empty((await server.GetAsync("/v1/batches"))["data"]!.AsArray());
    }

    [Fact]
    public async Task TheDocumentAndTheUnknownUrlKnowTheEndpoints()
    {
        await using var server = await BatchServer.StartAsync(
            await postgres.NewDatabaseAsync(), new FakeGenerator(Small.Tokenizer));
        var paths = (await server.GetAsync("/openapi.json"))["paths"]!.AsObject().Select(path => path.Key).ToArray();
        Assert.Superset(
            (HashSet<string>)["/v1/files", "/v1/files/{id}", "/v1/files/{id}/content", "/v1/batches", "/v1/batches/{id}", "/v1/batches/{id}/cancel"],
            paths.ToHashSet());
        Assert.Equal("method_not_allowed", await server.RefusedAsync(405, HttpMethod.Put, "/v1/batches"));
        var manual = File.ReadAllText(RepositoryFiles.At("docs", "server.md"));
        Assert.All(BatchRoutes.All, route => Assert.Contains($"`{route.Method} {route.Path}`", manual));
    }
}
