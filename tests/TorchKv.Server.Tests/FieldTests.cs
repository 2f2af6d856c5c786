using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class FieldTests(Storyteller storyteller)
{
    private const string Chats = "/v1/chat/completions";

    [Theory]
    [InlineData("metadata", "{\"a\":\"b\"}")]
    [InlineData("store", "true")]
    [InlineData("service_tier", "\"auto\"")]
    [InlineData("user", "\"me\"")]
    [InlineData("safety_identifier", "\"me\"")]
    [InlineData("prompt_cache_key", "\"k\"")]
    [InlineData("prompt_cache_options", "{\"mode\":\"implicit\",\"ttl\":\"30m\"}")]
    [InlineData("prompt_cache_retention", "\"24h\"")]
    [InlineData("reasoning_effort", "\"low\"")]
    [InlineData("verbosity", "\"low\"")]
    [InlineData("prediction", "{\"type\":\"content\",\"content\":\"x\"}")]
    [InlineData("parallel_tool_calls", "false")]
    [InlineData("modalities", "[\"text\"]")]
    [InlineData("response_format", "{\"type\":\"text\"}")]
    [InlineData("tool_choice", "\"none\"")]
    [InlineData("functions", "[]")]
    [InlineData("function_call", "\"none\"")]
    [InlineData("logit_bias", "{}")]
    [InlineData("frequency_penalty", "0")]
    [InlineData("presence_penalty", "0.0")]
    [InlineData("min_tokens", "0")]
    [InlineData("temperature", "null")]
    [InlineData("stop", "null")]
    [InlineData("logprobs", "false")]
    [InlineData("top_logprobs", "null")]
    [InlineData("audio", "null")]
    [InlineData("web_search_options", "null")]
    [InlineData("moderation", "null")]
    [InlineData("skip_special_tokens", "true")]
    [InlineData("add_special_tokens", "false")]
    [InlineData("include_stop_str_in_output", "false")]
    [InlineData("use_beam_search", "false")]
    public async Task AHarmlessFieldIsAccepted(string field, string value)
    {
        using var response = await storyteller.Server.PostAsync(Chats, Body(field, value));
        Assert.Equal(200, (int)response.StatusCode);
        Assert.False(response.Headers.Contains("x-torchkv-ignored-fields"));
    }

    [Theory]
    [InlineData("modalities", "[\"audio\"]")]
    [InlineData("audio", "{\"voice\":\"x\"}")]
    [InlineData("functions", "[{\"name\":\"f\"}]")]
    [InlineData("function_call", "{\"name\":\"f\"}")]
    [InlineData("tool_choice", "\"required\"")]
    [InlineData("tool_choice", "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}")]
    [InlineData("web_search_options", "{}")]
    [InlineData("moderation", "{\"model\":\"m\"}")]
    [InlineData("response_format", "{\"type\":\"xml\"}")]
    [InlineData("chat_template_kwargs", "{\"a\":1}")]
    [InlineData("use_beam_search", "true")]
    [InlineData("prompt_logprobs", "1")]
    [InlineData("echo", "true")]
    [InlineData("min_tokens", "3")]
    [InlineData("top_logprobs", "3")]
    public async Task AFieldThatCannotBeHonouredIsRefusedByName(string field, string value)
    {
        var error = await storyteller.Server.RefusedAsync(Chats, Body(field, value), 400);
        Assert.Equal(field, (string?)error["param"]);
        Assert.Equal("invalid_request_error", (string?)error["type"]);
    }

    [Theory]
    [InlineData("frequency_penalty", "0.5")]
    [InlineData("presence_penalty", "0.5")]
    [InlineData("logit_bias", "{\"5\":1}")]
    [InlineData("min_tokens", "1")]
    [InlineData("include_stop_str_in_output", "true")]
    [InlineData("allowed_token_ids", "[1,2]")]
    [InlineData("bad_words", "[\"cat\"]")]
    public async Task AFieldThatTheEngineServesIsHonoured(string field, string value)
    {
        var answer = await storyteller.Server.AskAsync(Chats, Body(field, value));
        Assert.Equal(1, (int)answer["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task UnknownFieldsAreNamedInAHeader()
    {
        using var response = await storyteller.Server.PostAsync(Chats, Body("frobnicate", "1"));
        Assert.Equal("frobnicate", response.Headers.GetValues("x-torchkv-ignored-fields").Single());
        using var tools = await storyteller.Server.PostAsync(Chats, Body("tools", "[{\"type\":\"function\"}]"));
        Assert.Equal("tools", tools.Headers.GetValues("x-torchkv-ignored-fields").Single());
        using var hostile = await storyteller.Server.PostAsync(Chats, Body("a\\r\\nSet-Cookie: b", "1"));
        Assert.Equal(200, (int)hostile.StatusCode);
        Assert.False(hostile.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task StrictFieldsRefuseThem()
    {
        await using var server = await RunningServer.StartAsync(
            new FakeGenerator(Storyteller.Tokenizer),
            options => options.StrictFields = true);
        var error = await server.RefusedAsync(
            Chats,
            Body("frobnicate", "1").Replace("storyteller", "fake", StringComparison.Ordinal),
            400);
        Assert.Equal("frobnicate", (string?)error["param"]);
        Assert.Equal("unknown_field", (string?)error["code"]);
    }

    [Fact]
    public async Task HonouredFieldsReachTheGenerator()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer);
        await using var server = await RunningServer.StartAsync(
            fake,
            options => options.RequestTimeout = TimeSpan.FromSeconds(77));
        await server.AskAsync("/v1/completions", """
            {"model":"fake","prompt":"x","max_tokens":7,"temperature":0.5,"top_p":0.25,"top_k":-1,"min_p":0.125,"n":2,
             "seed":-1,"repetition_penalty":1.5,"stop":["a","b"],"priority":-3,"cache_salt":"salt","logprobs":4,
             "ignore_eos":true,"stop_token_ids":[9],"include_stop_str_in_output":true,"min_tokens":3,
             "frequency_penalty":0.25,"presence_penalty":-0.5,"logit_bias":{"5":-100,"6":2.5},
             "allowed_token_ids":[5,6,7],"bad_words":["cat"]}
            """);
        var options = fake.LastOptions!;
        Assert.Equal(
            (7, 0.5f, 0.25f, 0, 0.125f, 2),
            (options.MaxNewTokens, options.Temperature, options.TopP, options.TopK, options.MinP, options.Samples));
        Assert.Equal(ulong.MaxValue, options.Seed);
        Assert.Equal(1.5f, options.RepetitionPenalty);
        Assert.Equal(["a", "b"], options.Stop);
        Assert.Equal((-3, "salt", 4), (options.Priority, options.CacheSalt, options.LogProbs));
        Assert.Equal([], options.EosTokenIds!);
        Assert.Equal([9], options.StopTokenIds);
        Assert.Equal((true, 3), (options.IncludeStopText, options.MinNewTokens));
        Assert.Equal((0.25f, -0.5f), (options.FrequencyPenalty, options.PresencePenalty));
        Assert.Equal(new Dictionary<int, float> { [5] = -100, [6] = 2.5f }, options.LogitBias);
        Assert.Equal([5, 6, 7], options.AllowedTokenIds);
        Assert.Equal(["cat"], options.BadWords);
        Assert.Equal(TimeSpan.FromSeconds(77), options.Deadline);
    }

    private static string Body(string field, string value)
        => """{"model":"storyteller","messages":[{"role":"user","content":"Hi"}]"""
            + $$""","max_tokens":1,"{{field}}":{{value}}}""";
}
