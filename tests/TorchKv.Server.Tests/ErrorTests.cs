using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class ErrorTests(Storyteller storyteller)
{
    private const string Completions = "/v1/completions";
    private const string Chats = "/v1/chat/completions";

    [Theory]
    [InlineData("prompt", "[999999]", "invalid_value")]
    [InlineData("prompt", "[99999999999999999999]", "invalid_value")]
    [InlineData("prompt", "[1,-1]", "invalid_value")]
    [InlineData("prompt", "[1.5]", "invalid_value")]
    [InlineData("prompt", "[]", "invalid_type")]
    [InlineData("prompt", "{}", "invalid_type")]
    [InlineData("prompt[1]", "[\"a\",[]]", "invalid_type")]
    [InlineData("prompt[1]", "[[1],[4096]]", "invalid_value")]
    [InlineData("prompt", "\"\\ud800\"", "invalid_value")]
    public async Task APromptThatCannotBeIsNamed(string param, string prompt, string code)
    {
        var error = await storyteller.Server.RefusedAsync(
            Completions,
            $$"""{"model":"storyteller","prompt":{{prompt}}}""",
            400);
        Assert.Equal(param, (string?)error["param"]);
        Assert.Equal(code, (string?)error["code"]);
    }

    [Theory]
    [InlineData("temperature", "-0.1")]
    [InlineData("temperature", "2.1")]
    [InlineData("temperature", "1e999")]
    [InlineData("top_p", "1.5")]
    [InlineData("top_k", "-2")]
    [InlineData("min_p", "2")]
    [InlineData("n", "0")]
    [InlineData("n", "129")]
    [InlineData("max_tokens", "-1")]
    [InlineData("repetition_penalty", "0")]
    [InlineData("logit_bias", "{\"4096\":1}")]
    [InlineData("logit_bias", "{\"5\":101}")]
    [InlineData("logit_bias", "{\"cat\":1}")]
    [InlineData("stop_token_ids", "[4096]")]
    [InlineData("stop", "\"\"")]
    [InlineData("cache_salt", "\"\"")]
    [InlineData("request_id", "\"a b\"")]
    [InlineData("truncate_prompt_tokens", "0")]
    [InlineData("truncation_side", "\"up\"")]
    [InlineData("logprobs", "21")]
    [InlineData("suffix", "\"end\"")]
    [InlineData("best_of", "7")]
    [InlineData("frequency_penalty", "3")]
    [InlineData("presence_penalty", "-3")]
    public async Task AValueOutOfItsLimitsIsNamed(string param, string value)
    {
        var error = await storyteller.Server.RefusedAsync(
            Completions,
            $$"""{"model":"storyteller","prompt":"x","{{param}}":{{value}}}""",
            400);
        Assert.Equal(param, (string?)error["param"]);
        Assert.Equal("invalid_request_error", (string?)error["type"]);
    }

    [Theory]
    [InlineData("temperature", "\"hot\"", "a number")]
    [InlineData("max_tokens", "\"5\"", "a whole number")]
    [InlineData("max_tokens", "5.5", "a whole number")]
    [InlineData("seed", "99999999999999999999", "64 bits")]
    [InlineData("stream", "\"true\"", "true or false")]
    [InlineData("user", "5", "a text")]
    [InlineData("stop_token_ids", "5", "a list")]
    [InlineData("stream_options", "true", "an object")]
    public async Task AFieldOfAnotherTypeIsNamed(string param, string value, string expected)
    {
        var error = await storyteller.Server.RefusedAsync(
            Completions,
            $$"""{"model":"storyteller","prompt":"x","{{param}}":{{value}}}""",
            400);
        Assert.Equal(param, (string?)error["param"]);
        Assert.Equal("invalid_type", (string?)error["code"]);
        Assert.Contains(expected, (string?)error["message"]);
        Assert.DoesNotContain("System.", (string?)error["message"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"text\"")]
    [InlineData("{} {}")]
    [InlineData("{'model':'x'}")]
    public async Task ABodyThatIsNoJsonObjectIsRefused(string body)
    {
        var error = await storyteller.Server.RefusedAsync(Chats, body, 400);
        Assert.Equal("invalid_json", (string?)error["code"]);
    }

    [Fact]
    public async Task ADeepBodyIsRefused()
    {
        var deep = """{"model":"storyteller","metadata":""" + new string('[', 100_000) + new string(']', 100_000) + "}";
        Assert.Equal("invalid_json", (string?)(await storyteller.Server.RefusedAsync(Chats, deep, 400))["code"]);
    }

    [Fact]
    public async Task ALargeBodyIsRefused()
    {
        await using var server = await RunningServer.StartAsync(
            new FakeGenerator(Storyteller.Tokenizer),
            options => options.MaxBodyBytes = 1000);
        var error = await server.RefusedAsync(
            Chats,
            """{"model":"fake","user":" """ + new string('x', 1000) + "\"}",
            413);
        Assert.Equal("request_too_large", (string?)error["code"]);
    }

    [Fact]
    public async Task AnotherContentTypeIsRefused()
    {
        using var response = await storyteller.Server.Client.PostAsync(
            Chats,
            new StringContent("{}", Encoding.UTF8, "text/plain"));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        Assert.Equal(
            "unsupported_media_type",
            (string?)Sse.Error(JsonNode.Parse(await response.Content.ReadAsStringAsync())!)["code"]);
    }

    [Fact]
    public async Task AnUnknownModelIs404()
    {
        var error = await storyteller.Server.RefusedAsync(Completions, """{"model":"gpt-9","prompt":"x"}""", 404);
        Assert.Equal("model_not_found", (string?)error["code"]);
        Assert.Equal("model", (string?)error["param"]);
        Assert.Equal(
            "model",
            (string?)(await storyteller.Server.RefusedAsync(Completions, """{"prompt":"x"}""", 400))["param"]);
    }

    [Theory]
    [InlineData("GET", "/v1/nothing", 404, "unknown_url")]
    [InlineData("GET", "/nothing", 404, "unknown_url")]
    [InlineData("GET", "/v1/chat/completions", 405, "method_not_allowed")]
    [InlineData("DELETE", "/v1/models/storyteller", 405, "method_not_allowed")]
    public async Task AnUnknownUrlIsAnError(string method, string path, int status, string code)
    {
        using var response = await storyteller.Server.Client.SendAsync(new HttpRequestMessage(
            new HttpMethod(method),
            path));
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(code, (string?)Sse.Error(JsonNode.Parse(await response.Content.ReadAsStringAsync())!)["code"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RequestsPastTheContextAreRefusedBeforeAnythingIsSent(bool streams)
    {
        var stream = streams ? "true" : "false";
        var error = await storyteller.Server.RefusedAsync(
            Chats,
            """{"model":"storyteller","messages":[{"role":"user","content":"x"}]"""
                + $$""","max_tokens":600,"stream":{{stream}}}""",
            400);
        Assert.Equal("context_length_exceeded", (string?)error["code"]);
        Assert.Equal("messages", (string?)error["param"]);
        var text = string.Concat(Enumerable.Repeat("word ", 2000));
        error = await storyteller.Server.RefusedAsync(
            Completions,
            $$"""{"model":"storyteller","prompt":"{{text}}","max_tokens":1,"stream":{{stream}}}""",
            400);
        Assert.Equal("context_length_exceeded", (string?)error["code"]);
        Assert.Equal("prompt", (string?)error["param"]);
    }

    [Fact]
    public async Task AHugeTextIsRefusedWithoutTokenizingIt()
    {
        var error = await storyteller.Server.RefusedAsync(
            Completions,
            $$"""{"model":"storyteller","prompt":"{{new string('a', 3_000_000)}}"}""",
            400);
        Assert.Equal("context_length_exceeded", (string?)error["code"]);
    }

    [Theory]
    [InlineData("""{"model":"storyteller","prompt":["a","b","c"],"n":50}""", "prompt")]
    [InlineData("""{"model":"storyteller","prompt":"a","n":100,"max_tokens":490,"logprobs":20,"temperature":1}""", "")]
    public async Task AllFactorsAreBoundedTogether(string body, string param)
    {
        await using var server = await RunningServer.StartAsync(
            new Models.ServedModel(
                "storyteller",
                storyteller.Engine,
                Storyteller.Tokenizer,
                Extensions.AI.Templates.ChatTemplates.Plain),
            options => options.MaxWork = 1_000_000);
        var error = await server.RefusedAsync(Completions, body, 400);
        Assert.Equal("request_too_large", (string?)error["code"]);
        Assert.True(param.Length == 0 || param == (string?)error["param"]);
    }

    public static TheoryData<string, int, string?, bool> EngineErrors => new()
    {
        { "queue", 503, "overloaded", true },
        { "closed", 503, "unavailable", true },
        { "deadline", 504, "deadline_exceeded", false },
        { "failed", 500, null, false },
        { "pool", 400, "context_length_exceeded", false },
        { "other", 500, null, false },
    };

    [Theory]
    [MemberData(nameof(EngineErrors))]
    public async Task EachErrorOfTheEngineHasItsStatus(string kind, int status, string? code, bool hasRetryAfter)
    {
        foreach (var stream in new[] { "false", "true" })
        {
            var fake = new FakeGenerator(Storyteller.Tokenizer) { Failure = (0, Make(kind)) };
            await using var server = await RunningServer.StartAsync(fake);
            using var response = await server.PostAsync(
                Chats,
                $$"""{"model":"fake","messages":[{"role":"user","content":"x"}],"stream":{{stream}}}""");
            Assert.Equal(status, (int)response.StatusCode);
            Assert.Equal(hasRetryAfter, response.Headers.RetryAfter is not null);
            var error = Sse.Error(JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
            Assert.Equal(code, (string?)error["code"]);
            Assert.DoesNotContain("secret", (string?)error["message"]);
        }
    }

    [Theory]
    [InlineData("deadline", "deadline_exceeded", "deadline")]
    [InlineData("failed", null, "error")]
    [InlineData("closed", "unavailable", "error")]
    public async Task AnErrorWithinAStreamIsAFrame(string kind, string? code, string abort)
    {
        foreach (var path in new[] { Chats, Completions })
        {
            var fake = new FakeGenerator(Storyteller.Tokenizer) { Failure = (4, Make(kind)) };
            await using var server = await RunningServer.StartAsync(fake);
            var stream = await server.StreamAsync(
                path,
                """{"model":"fake","prompt":"x","messages":[{"role":"user","content":"x"}],"stream":true}""");
            Assert.Equal(code, (string?)Sse.Error(stream.Events[^1])["code"]);
            Assert.Empty(stream.Reasons());
            Assert.NotEmpty(stream.Text());
            Assert.True(stream.IsDone);
            Assert.Equal(1, server.Metrics.StreamAborts.Counts.Single(count => count.Label == abort).Count);
            Assert.Equal(1, server.Metrics.Finished.Counts.Single(count => count.Label == "error").Count);
        }
    }

    [Fact]
    public async Task AFailureWithinAWholeAnswerHasAStatus()
    {
        await using var server = await RunningServer.StartAsync(new FakeGenerator(Storyteller.Tokenizer)
        {
            Failure = (
            4,
            Make("deadline"))
        });
        await server.RefusedAsync(Chats, """{"model":"fake","messages":[{"role":"user","content":"x"}]}""", 504);
    }

    [Fact]
    public void EveryExceptionOfTheContractsHasAnAnswer()
    {
        // Sessions are not served over HTTP.
        var types = typeof(TorchKvException).Assembly.GetTypes()
            .Where(type => type != typeof(SessionFileException))
            .Where(type => type.IsSubclassOf(typeof(TorchKvException)))
            .Where(type => type.Namespace == typeof(TorchKvException).Namespace);
        Assert.All(types, type =>
        {
            var error = (Exception)System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(type);
            var answer = ErrorMap.Of(error is OptionException ? new OptionException("a", "b", "c") : error);
            Assert.True(
                answer.Status is 400 or 503 or 504 || type == typeof(RequestFailedException),
                $"{type} is {answer.Status}");
        });
    }

    private static Exception Make(string kind) => kind switch
    {
        "queue" => new QueueFullException(3, 3),
        "closed" => new EngineClosedException(),
        "deadline" => new DeadlineExceededException(TimeSpan.FromSeconds(1), 2),
        "failed" => new RequestFailedException("secret", new InvalidOperationException("secret")),
        "pool" => new PoolCapacityException(9, 3, 16),
        _ => new InvalidOperationException("secret"),
    };
}
