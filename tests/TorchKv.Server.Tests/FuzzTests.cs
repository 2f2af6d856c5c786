using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Server.Models;
using TorchKv.Server.OpenApi;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class FuzzTests(Storyteller storyteller)
{
    private static readonly string[] Paths =
    [
        "/v1/completions", "/v1/chat/completions", "/v1/responses", "/tokenize", "/detokenize",
        "/v1/completions/render", "/v1/chat/completions/render",
    ];

    private static readonly JsonObject Schemas =
        JsonNode.Parse(OpenApiDocument.Json)!["components"]!["schemas"]!.AsObject();

    private static readonly string[] Fields = [.. Schemas
        .Where(schema => schema.Key.EndsWith("Request", StringComparison.Ordinal))
        .SelectMany(schema => schema.Value!["properties"]!.AsObject().Select(field => field.Key))
        .Append("frobnicate")
        .Distinct()];

    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "1", "-1", "3", "0.5", "1e999", "-1e999", "99999999999999999999",
        "2147483648", "1e-300", "\"\"", "\"x\"", "\"\\ud800\"",
        "\"text\"", "\"auto\"", "\"user\"", "\"<|endoftext|>\"", "[]", "{}", "[[]]", "[{}]", "[null]", "[1,2,3]",
        "[[1],[2]]", "[4096]", "[-1]", "[1.5]", "[\"a\",\"b\"]",
        "[\"a\",[1]]", "{\"1\":2}", "{\"x\":1}", "{\"5\":1e999}", "{\"type\":\"text\"}",
        "{\"type\":\"json_schema\"}", "{\"include_usage\":true}",
        "[{\"role\":\"user\",\"content\":\"hi\"}]",
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]", "[{\"role\":5}]",
        "[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\"}]}]",
        "\"\u0000\"", "\"\\u0000\"", "\"🦊\"", "[[[[[[]]]]]]",
    ];

    private static readonly Gen<string> Field = Gen.Select(
        Gen.Int[0, Fields.Length - 1],
        Gen.Int[0, Values.Length - 1],
        (f, v) => $"\"{Fields[f]}\":{Values[v]}");

    private static readonly Gen<(int Path, byte[] Body)> Request = Gen.Select(
        Gen.Int[0, Paths.Length - 1],
        Field.Array[0, 6],
        Gen.Int[0, 9],
        Gen.Int[0, 10_000],
        (path, fields, kind, at) => (path, Body(path, fields, kind, at)));

    [Fact]
    public async Task AnyBodyGivesAnAnswerOrAnErrorAndLeavesOthersAsTheyWere()
    {
        await using var server = await RunningServer.StartAsync(
            new ServedModel("m", storyteller.Engine, Storyteller.Tokenizer, ChatTemplates.Transcript),
            options => options.MaxWork = 2_000);
        const string Steady = """{"model":"storyteller","prompt":"Once upon a time","max_tokens":200"""
            + ""","temperature":0.8,"seed":5,"ignore_eos":true,"stream":true}""";
        var expected = (await storyteller.Server.StreamAsync("/v1/completions", Steady)).Text();
        using var stop = new CancellationTokenSource();
        var steady = Task.Run(async () =>
        {
            var rounds = 0;
            do
            {
                Assert.Equal(expected, (await storyteller.Server.StreamAsync("/v1/completions", Steady)).Text());
                rounds++;
            }
            while (!stop.IsCancellationRequested);
            return rounds;
        });
        var good = 0;
        try
        {
            await Request.SampleAsync(
                async request =>
                {
                    using var content = new ByteArrayContent(request.Body);
                    content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
                    using var response = await server.Client.PostAsync(Paths[request.Path], content);
                    var body = await response.Content.ReadAsByteArrayAsync();
                    if ((int)response.StatusCode / 100 == 2)
                    {
                        Interlocked.Increment(ref good);
                        Check(response, body, Paths[request.Path]);
                    }
                    else
                    {
                        Assert.InRange((int)response.StatusCode, 400, 499);
                        Sse.Error(JsonNode.Parse(body)!);
                    }
                },
                iter: 2_000,
                threads: 4,
                print: request => $"{Paths[request.Path]} {Encoding.UTF8.GetString(request.Body)}");
        }
        finally
        {
            await stop.CancelAsync();
        }

        Assert.True(await steady >= 1);
        Assert.True(good > 100, $"Only {good} bodies were good: the others test too little.");
    }

    private static void Check(HttpResponseMessage response, byte[] body, string path)
    {
        if (response.Content.Headers.ContentType!.MediaType == "text/event-stream")
        {
            var stream = Sse.Parse(body);
            Assert.True(stream.IsDone || path == "/v1/responses");
        }
        else
        {
            Assert.NotNull(JsonNode.Parse(body));
        }
    }

    private static byte[] Body(int path, string[] fields, int kind, int at)
    {
        var prompt = Paths[path] switch
        {
            "/v1/responses" => "\"input\":\"hi\",\"max_output_tokens\":2",
            "/tokenize" => "\"prompt\":\"hi\"",
            "/detokenize" => "\"tokens\":[1,2]",
            _ => Paths[path].Contains("chat", StringComparison.Ordinal)
                ? "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":2"
                : "\"prompt\":\"hi\",\"max_tokens\":2",
        };
        var text = "{\"model\":\"m\"," + prompt + string.Concat(fields.Select(field => "," + field)) + "}";
        var bytes = Encoding.UTF8.GetBytes(text);
        switch (kind)
        {
            case 0:
                return bytes[..(at % bytes.Length)];
            case 1:
                bytes[at % bytes.Length] = (byte)at;
                return bytes;
            default:
                return bytes;
        }
    }
}
