using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Server.Models;
using TorchKv.Server.OpenApi;
using TorchKv.Server.Tests.Support;
using TorchKv.Testing;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class FuzzTests(Storyteller storyteller)
{
    private static readonly RequestFuzzer Fuzzer = new(Encoding.UTF8.GetString(OpenApiDocument.Of(Routes.All)));

    private static readonly Gen<(string Path, byte[] Body)> Request =
        Gen.Int.Select(seed => Fuzzer.Next(new Random(seed)));

    [Fact]
    public async Task AnyBodyGetsAnAnswerOrErrorWithoutChangingOthers()
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
                    using var response = await server.Client.PostAsync(request.Path, content);
                    var body = await response.Content.ReadAsByteArrayAsync();
                    if ((int)response.StatusCode / 100 == 2)
                    {
                        Interlocked.Increment(ref good);
                        Check(response, body, request.Path);
                    }
                    else
                    {
                        Assert.InRange((int)response.StatusCode, 400, 499);
                        Sse.Error(JsonNode.Parse(body)!);
                    }
                },
                iter: 2_000,
                threads: 4,
                print: request => $"{request.Path} {Encoding.UTF8.GetString(request.Body)}");
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
}
