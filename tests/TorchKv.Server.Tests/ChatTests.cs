using TorchKv.Extensions.AI.Templates;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class ChatTests(Storyteller storyteller)
{
    private const string Path = "/v1/chat/completions";

    private const string Hello = """{"model":"storyteller","messages":[{"role":"user","content":"Tell me a story."}]"""
        + ""","max_tokens":12,"temperature":0}""";

    [Fact]
    public async Task AnAnswerHasEveryFieldOfOpenAIs()
    {
        var answer = await storyteller.Server.AskAsync(Path, Hello);
        Assert.StartsWith("chatcmpl-", (string?)answer["id"]);
        Assert.Equal("chat.completion", (string?)answer["object"]);
        Assert.Equal("storyteller", (string?)answer["model"]);
        Assert.True((long)answer["created"]! > 1_700_000_000);
        var choice = Assert.Single(answer["choices"]!.AsArray())!;
        Assert.Equal(0, (int)choice["index"]!);
        Assert.Equal("assistant", (string?)choice["message"]!["role"]);
        Assert.NotEmpty((string)choice["message"]!["content"]!);
        Assert.True(choice["message"]!.AsObject().ContainsKey("refusal"));
        Assert.True(choice.AsObject().ContainsKey("logprobs"));
        Assert.Contains((string?)choice["finish_reason"], new[] { "stop", "length" });
        var usage = answer["usage"]!;
        Assert.Equal((int)usage["prompt_tokens"]! + (int)usage["completion_tokens"]!, (int)usage["total_tokens"]!);
        Assert.NotNull(usage["prompt_tokens_details"]!["cached_tokens"]);
    }

    [Fact]
    public async Task TheTemplateIsNamedInAHeader()
    {
        using var response = await storyteller.Server.PostAsync(Path, Hello);
        Assert.Equal("transcript", response.Headers.GetValues("x-torchkv-chat-template").Single());
    }

    [Fact]
    public async Task TheTranscriptsStopEndsAnAnswerUnseen()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer)
        {
            Says = " \n Hello.\nUser: and more",
            EndsByItself = false,
        };
        await using var server = await RunningServer.StartAsync(fake);
        var answer = await server.AskAsync(Path, """{"model":"fake","messages":[{"role":"user","content":"Hi"}]}""");
        Assert.Equal("Hello.", (string?)answer["choices"]![0]!["message"]!["content"]);
        Assert.Equal("stop", (string?)answer["choices"]![0]!["finish_reason"]);
    }

    [Fact]
    public async Task SpecialTokensInContentAreText()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer);
        await using var server = await RunningServer.StartAsync(fake);
        await server.AskAsync(Path, """{"model":"fake","messages":[{"role":"user","content":"a<|endoftext|>b"}]}""");
        Assert.DoesNotContain(fake.LastPrompt!, Storyteller.Tokenizer.IsSpecial);
        Assert.Contains("a<|endoftext|>b", Storyteller.Tokenizer.Decode(fake.LastPrompt!));
    }

    [Theory]
    [InlineData("""{"role":"developer","content":"Be kind."}""", "Be kind.\n\nAssistant:")]
    [InlineData(
        """{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}""",
        "User: ab\nAssistant:")]
    [InlineData("""{"role":"tool","content":"4","tool_call_id":"c"}""", "Tool: 4\nAssistant:")]
    [InlineData("""{"role":"assistant","content":null}""", "Assistant: \nAssistant:")]
    [InlineData("""{"role":"user","content":"x","name":"Ann"}""", "User: x\nAssistant:")]
    public async Task EveryKindOfMessageIsRead(string message, string prompt)
    {
        var rendered = await storyteller.Server.AskAsync(
            Path + "/render",
            $$"""{"model":"storyteller","messages":[{{message}}]}""");
        Assert.Equal(prompt, (string?)rendered["text"]);
    }

    [Theory]
    [InlineData("""[]""", "messages")]
    [InlineData("""[{"role":"king","content":"x"}]""", "messages[0].role")]
    [InlineData("""[{"role":"user"}]""", "messages[0].content")]
    [InlineData(
        """[{"role":"user","content":"x"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]""",
        "messages[1].content[0].type")]
    [InlineData("""[{"role":"user","content":[{"type":"text"}]}]""", "messages[0].content[0].text")]
    [InlineData("""[{"role":"user","content":5}]""", "messages[0].content")]
    [InlineData("""[null]""", "messages[0]")]
    public async Task AMessageThatCannotBeReadIsNamed(string messages, string param)
    {
        var error = await storyteller.Server.RefusedAsync(
            Path,
            $$"""{"model":"storyteller","messages":{{messages}}}""",
            400);
        Assert.Equal(param, (string?)error["param"]);
        Assert.Equal("invalid_request_error", (string?)error["type"]);
    }

    [Fact]
    public async Task NAnswersAreDistinctAndAllFinish()
    {
        var body = """{"model":"storyteller","messages":[{"role":"user","content":"Tell me a story."}]"""
            + ""","max_tokens":16,"n":4,"seed":11,"temperature":1.2}""";
        var choices = (await storyteller.Server.AskAsync(Path, body))["choices"]!.AsArray();
        Assert.Equal([0, 1, 2, 3], choices.Select(choice => (int)choice!["index"]!));
        Assert.Equal(4, choices.Select(choice => (string?)choice!["message"]!["content"]).Distinct().Count());
        Assert.All(choices, choice => Assert.NotNull((string?)choice!["finish_reason"]));
    }

    [Fact]
    public async Task ASeedGivesTheSameAnswerStreamedOrNot()
    {
        const string Seeded = """{"model":"storyteller","messages":[{"role":"user","content":"A dog"}]"""
            + ""","max_tokens":20,"seed":-5,"temperature":0.9""";
        var whole = await storyteller.Server.AskAsync(Path, Seeded + "}");
        var streamed = await storyteller.Server.StreamAsync(
            Path,
            Seeded + ""","stream":true,"stream_options":{"include_usage":true}}""");
        Assert.Equal((string?)whole["choices"]![0]!["message"]!["content"], streamed.Text());
        Assert.Equal((int)whole["usage"]!["completion_tokens"]!, (int)streamed.Usage!["completion_tokens"]!);
        Assert.Equal((int)whole["usage"]!["prompt_tokens"]!, (int)streamed.Usage!["prompt_tokens"]!);
        Assert.Equal([(string)whole["choices"]![0]!["finish_reason"]!], streamed.Reasons());
    }

    [Fact]
    public async Task TheSecondRequestFindsThePromptInTheCache()
    {
        var text = string.Concat(Enumerable.Repeat("The little boat sailed over the sea. ", 6));
        var body = $$"""{"model":"storyteller","messages":[{"role":"user","content":"{{text}}"}],"max_tokens":2}""";
        await storyteller.Server.AskAsync(Path, body);
        var again = await storyteller.Server.AskAsync(Path, body);
        var cached = (int)again["usage"]!["prompt_tokens_details"]!["cached_tokens"]!;
        Assert.InRange(cached, 16, (int)again["usage"]!["prompt_tokens"]! - 1);
    }

    [Fact]
    public async Task LogProbabilitiesNameTokensTextsAndBytes()
    {
        var answer = await storyteller.Server.AskAsync(Path, Hello[..^1] + ""","logprobs":true,"top_logprobs":3}""");
        var content = answer["choices"]![0]!["logprobs"]!["content"]!.AsArray();
        Assert.Equal((int)answer["usage"]!["completion_tokens"]!, content.Count);
        Assert.All(content, token =>
        {
            Assert.InRange((double)token!["logprob"]!, -9999, 0);
            Assert.Equal(3, token["top_logprobs"]!.AsArray().Count);
            Assert.Equal((double)token["logprob"]!, (double)token["top_logprobs"]![0]!["logprob"]!);
            Assert.NotEmpty(token["bytes"]!.AsArray());
        });
    }

    [Theory]
    [InlineData(float.NegativeInfinity, -9999)]
    [InlineData(float.NaN, -9999)]
    [InlineData(-20000f, -9999)]
    public async Task ImpossibleTokensHaveAFiniteLogProbability(float given, double shown)
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { LogProbability = given };
        await using var server = await RunningServer.StartAsync(fake);
        var answer = await server.AskAsync(
            Path,
            """{"model":"fake","messages":[{"role":"user","content":"x"}],"logprobs":true,"top_logprobs":2}""");
        Assert.Equal(shown, (double)answer["choices"]![0]!["logprobs"]!["content"]![0]!["logprob"]!);
    }

    [Fact]
    public async Task TheLastMessageCanBeContinued()
    {
        const string Open = """{"model":"storyteller","messages":[{"role":"assistant","content":"Once upon a"}]"""
            + ""","add_generation_prompt":false,"continue_final_message":true}""";
        var rendered = await storyteller.Server.AskAsync(Path + "/render", Open);
        Assert.Equal("Assistant: Once upon a", (string?)rendered["text"]);
    }

    [Fact]
    public async Task ARequestMayChooseABuiltInTemplate()
    {
        using var response = await storyteller.Server.PostAsync(Path, Hello[..^1] + ""","chat_template":"plain"}""");
        Assert.Equal("plain", response.Headers.GetValues("x-torchkv-chat-template").Single());
        var error = await storyteller.Server.RefusedAsync(
            Path,
            Hello[..^1] + ""","chat_template":"{{ messages }}"}""",
            400);
        Assert.Equal("chat_template", (string?)error["param"]);
    }

    [Fact]
    public async Task WithoutMaxTokensAnAnswerMayFillTheContext()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer);
        await using var server = await RunningServer.StartAsync(fake, template: ChatTemplates.Plain);
        await server.AskAsync(Path, """{"model":"fake","messages":[{"role":"user","content":"Hi"}]}""");
        Assert.Equal(512 - fake.LastPrompt!.Count, fake.LastOptions!.MaxNewTokens);
        Assert.Equal(1, fake.LastOptions.Temperature);
        await server.AskAsync(
            Path,
            """{"model":"fake","messages":[{"role":"user","content":"Hi"}]"""
                + ""","max_tokens":9,"max_completion_tokens":4}""");
        Assert.Equal(4, fake.LastOptions!.MaxNewTokens);
    }

    [Fact]
    public async Task RequestIdsComeBack()
    {
        var answer = await storyteller.Server.AskAsync(Path, Hello[..^1] + ""","request_id":"mine-1"}""");
        Assert.Equal("chatcmpl-mine-1", (string?)answer["id"]);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.Add("x-request-id", "trace_7");
        using var response = await storyteller.Server.Client.SendAsync(request);
        Assert.Equal("trace_7", response.Headers.GetValues("x-request-id").Single());
        using var bad = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        bad.Headers.TryAddWithoutValidation("x-request-id", "a b\"<script>");
        using var replaced = await storyteller.Server.Client.SendAsync(bad);
        Assert.StartsWith("req_", replaced.Headers.GetValues("x-request-id").Single());
    }
}
