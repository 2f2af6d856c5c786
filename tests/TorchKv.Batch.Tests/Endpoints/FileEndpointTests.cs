using System.Text;
using System.Text.Json.Nodes;
using TorchKv.Batch.Tests.Support;
using TorchKv.Server.Tests.Support;

namespace TorchKv.Batch.Tests.Endpoints;

public class FileEndpointTests(Postgres postgres)
{
    [Fact]
    public async Task AFileOfManyPiecesComesBackByteForByte()
    {
        await using var server = await StartAsync();
        string[] lines = [.. Enumerable.Range(0, 3000).Select(i => Requests.Completion($"c{i}", new string('ü', 600)))];
        var file = await server.UploadAsync(lines);
        var expected = Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n");

        Assert.InRange(expected.Length, 3 << 20, int.MaxValue);
        Assert.Equal(expected.Length, (int)file["bytes"]!);
        Assert.Equal(expected, await server.Client.GetByteArrayAsync($"/v1/files/{file["id"]}/content"));
        using var head = await server.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"/v1/files/{file["id"]}/content"));
        Assert.Equal(expected.Length, head.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task FilesAreListedInPagesAndDeleted()
    {
        await using var server = await StartAsync();
        var ids = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            ids.Add((string)(await server.UploadAsync([Requests.Completion($"c{i}")]))["id"]!);
        }

        Assert.Equal(ids, await IdsAsync("/v1/files?order=asc"));
        Assert.Equal(Enumerable.Reverse(ids), await IdsAsync("/v1/files"));
        Assert.Equal([ids[3], ids[2]], await IdsAsync($"/v1/files?limit=2&after={ids[4]}"));
        Assert.Empty(await IdsAsync("/v1/files?purpose=batch_output"));
        Assert.True((bool)(await server.GetAsync("/v1/files?limit=4"))["has_more"]!);
        var deleted = await server.SendAsync(HttpMethod.Delete, $"/v1/files/{ids[1]}", null);
        Assert.True((bool)deleted["deleted"]!);
        Assert.Equal("file_not_found id", await server.RefusedAsync(404, HttpMethod.Get, $"/v1/files/{ids[1]}/content"));
        Assert.Equal("file_not_found id", await server.RefusedAsync(404, HttpMethod.Delete, $"/v1/files/{ids[1]}"));
        Assert.Equal("invalid_value order", await server.RefusedAsync(400, HttpMethod.Get, "/v1/files?order=up"));
        Assert.Equal("file_not_found after", await server.RefusedAsync(404, HttpMethod.Get, "/v1/files?after=x"));
        Assert.Equal(4, (await IdsAsync("/v1/files")).Length);

        async Task<string[]> IdsAsync(string path) =>
            [.. (await server.GetAsync(path))["data"]!.AsArray().Select(file => (string)file!["id"]!)];
    }

    [Fact]
    public async Task WrongUploadsAreRefusedAndLeaveNothing()
    {
        await using var server = await StartAsync(5000);
        var file = Requests.Completion("a");
        Assert.Equal("missing_field purpose", await RefusedAsync(400, ("file", file)));
        Assert.Equal("missing_field file", await RefusedAsync(400, ("purpose", "batch")));
        Assert.Equal("unsupported_value purpose", await RefusedAsync(400, ("purpose", "fine-tune"), ("file", file)));
        Assert.Equal("unsupported_value purpose", await RefusedAsync(400, ("file", file), ("purpose", "vision")));
        Assert.Equal("invalid_value file", await RefusedAsync(400, ("purpose", "batch"), ("file", "")));
        Assert.Equal("request_too_large", await RefusedAsync(413, ("purpose", "batch"), ("file", new string('x', 5001))));
        Assert.Equal("invalid_value expires_after", await RefusedAsync(400, ("expires_after[seconds]", "5"), ("file", file), ("purpose", "batch")));
        Assert.Equal("invalid_request", await RefusedAsync(400, ("purpose", new string('x', 2000)), ("file", file)));
        Assert.Equal("unsupported_media_type", await server.RefusedAsync(415, HttpMethod.Post, "/v1/files", BatchServer.Json(new JsonObject())));
        using var broken = new StringContent("--x\r\nnonsense", Encoding.UTF8);
        broken.Headers.ContentType = new("multipart/form-data") { Parameters = { new("boundary", "x") } };
        Assert.Equal("invalid_request", await server.RefusedAsync(400, HttpMethod.Post, "/v1/files", broken));
        using var cut = new StringContent(
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n{\"custom", Encoding.UTF8);
        cut.Headers.ContentType = new("multipart/form-data") { Parameters = { new("boundary", "x") } };
        Assert.Equal("invalid_request", await server.RefusedAsync(400, HttpMethod.Post, "/v1/files", cut));
        Assert.Empty((await server.GetAsync("/v1/files"))["data"]!.AsArray());

        Task<string> RefusedAsync(int status, params (string Name, string Value)[] parts)
        {
            var form = new MultipartFormDataContent();
            foreach (var (name, value) in parts)
            {
                if (name == "file")
                {
                    form.Add(new StringContent(value), name, "a.jsonl");
                }
                else
                {
                    form.Add(new StringContent(value), name);
                }
            }

            return server.RefusedAsync(status, HttpMethod.Post, "/v1/files", form);
        }
    }

    [Fact]
    public async Task AnUploadOverTheLargestBodyOfRequestsIsTaken()
    {
        await using var server = await BatchServer.StartAsync(
            await postgres.NewDatabaseAsync(),
            new FakeGenerator(Small.Tokenizer),
            configure: options => options.MaxBodyBytes = 1000);

        var file = await server.UploadAsync(Enumerable.Range(0, 100).Select(i => Requests.Completion($"c{i}")));

        Assert.InRange((int)file["bytes"]!, 5000, int.MaxValue);
    }

    private async Task<BatchServer> StartAsync(long? most = null) => await BatchServer.StartAsync(
        await postgres.NewDatabaseAsync(),
        new FakeGenerator(Small.Tokenizer),
        options => (options.MaxFileBytes, options.Works) = (most ?? options.MaxFileBytes, false));
}
