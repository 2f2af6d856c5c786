using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class ResponseTests(Storyteller storyteller)
{
    private const string Path = "/v1/responses";
    private const string Hello = """{"model":"storyteller","input":"Tell me a story.","max_output_tokens":8"""
        + ""","temperature":0""";

    [Fact]
    public async Task ATextIsAnswered()
    {
        var response = await storyteller.Server.AskAsync(
            Path,
            Hello + ""","instructions":"Be kind.","metadata":{"a":"b"}}""");
        Assert.Equal("response", (string?)response["object"]);
        Assert.StartsWith("resp_", (string?)response["id"]);
        Assert.Equal("incomplete", (string?)response["status"]);
        Assert.Equal("max_output_tokens", (string?)response["incomplete_details"]!["reason"]);
        var message = Assert.Single(response["output"]!.AsArray())!;
        Assert.Equal("message", (string?)message["type"]);
        Assert.Equal("output_text", (string?)message["content"]![0]!["type"]);
        Assert.NotEmpty((string)message["content"]![0]!["text"]!);
        Assert.Equal(8, (int)response["usage"]!["output_tokens"]!);
        Assert.Equal("b", (string?)response["metadata"]!["a"]);
        Assert.False((bool)response["store"]!);
    }

    [Fact]
    public async Task AnAnswerThatEndsByItselfIsCompleted()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { Says = " Hi." };
        await using var server = await RunningServer.StartAsync(fake);
        var response = await server.AskAsync(
            Path,
            """{"model":"fake","input":[{"role":"user","content":[{"type":"input_text","text":"Hello"}]}]}""");
        Assert.Equal("completed", (string?)response["status"]);
        Assert.Equal("Hi.", (string?)response["output"]![0]!["content"]![0]!["text"]);
        Assert.Null(response["incomplete_details"]);
    }

    [Fact]
    public async Task AStreamHasTheEventsInTheirOrder()
    {
        var whole = await storyteller.Server.AskAsync(Path, Hello + "}");
        var stream = await storyteller.Server.StreamAsync(Path, Hello + ""","stream":true}""");
        Assert.Equal(stream.Names, stream.Events.Select(e => (string?)e["type"]));
        Assert.Equal(Enumerable.Range(0, stream.Events.Count), stream.Events.Select(e => (int)e["sequence_number"]!));
        Assert.Equal(
            [
                "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.done", "response.content_part.done",
                "response.output_item.done", "response.incomplete",
            ],
            stream.Names.Distinct());
        var deltas = stream.Events.Where(e => (string?)e["type"] == "response.output_text.delta");
        var text = string.Concat(deltas.Select(e => (string?)e["delta"]));
        Assert.Equal((string?)whole["output"]![0]!["content"]![0]!["text"], text);
        Assert.Equal(text, (string?)stream.Events[^1]["response"]!["output"]![0]!["content"]![0]!["text"]);
        Assert.False(stream.IsDone);
    }

    [Fact]
    public async Task AFailureInTheMiddleIsAnEvent()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer)
        {
            Failure = (
            3,
            new Runtime.Contracts.DeadlineExceededException(TimeSpan.FromSeconds(1), 3))
        };
        await using var server = await RunningServer.StartAsync(fake);
        var stream = await server.StreamAsync(Path, """{"model":"fake","input":"x","stream":true}""");
        Assert.Equal("response.failed", stream.Names[^2]);
        Assert.Equal("failed", (string?)stream.Events[^2]["response"]!["status"]);
        Assert.Equal("deadline_exceeded", (string?)Sse.Error(stream.Events[^1])["code"]);
    }

    [Theory]
    [InlineData("previous_response_id", "\"resp_1\"")]
    [InlineData("conversation", "\"conv_1\"")]
    [InlineData("prompt", "{\"id\":\"p\"}")]
    [InlineData("background", "true")]
    [InlineData("include", "[\"message.output_text.logprobs\"]")]
    [InlineData("context_management", "[{\"type\":\"compaction\"}]")]
    [InlineData("moderation", "{\"model\":\"m\"}")]
    [InlineData("top_logprobs", "2")]
    [InlineData("tool_choice", "\"required\"")]
    [InlineData("truncation", "\"some\"")]
    [InlineData("max_output_tokens", "600")]
    [InlineData("temperature", "3")]
    public async Task WhatCannotBeHonouredIsRefusedByName(string field, string value)
    {
        var error = await storyteller.Server.RefusedAsync(
            Path,
            $$"""{"model":"storyteller","input":"x","{{field}}":{{value}}}""",
            400);
        Assert.Equal(field == "max_output_tokens" ? "input" : field, (string?)error["param"]);
    }

    [Fact]
    public async Task AnotherFormatOfTextIsRefused()
    {
        var error = await storyteller.Server.RefusedAsync(
            Path,
            Hello + ""","text":{"format":{"type":"xml"}}}""",
            400);
        Assert.Equal("text.format", (string?)error["param"]);
        await storyteller.Server.AskAsync(Path, Hello + ""","text":{"format":{"type":"text"},"verbosity":"low"}}""");
    }

    [Theory]
    [InlineData("null", "input")]
    [InlineData("[]", "input")]
    [InlineData("5", "input")]
    [InlineData("[5]", "input[0]")]
    [InlineData("""[{"role":"user"}]""", "input[0].content")]
    [InlineData("""[{"type":"image_generation_call"}]""", "input[0].type")]
    [InlineData("""[{"role":"user","content":[{"type":"input_image"}]}]""", "input[0].content[0].type")]
    public async Task AnInputThatCannotBeReadIsNamed(string input, string param)
    {
        var error = await storyteller.Server.RefusedAsync(Path, $$"""{"model":"storyteller","input":{{input}}}""", 400);
        Assert.Equal(param, (string?)error["param"]);
    }

    [Fact]
    public async Task TruncationAutoCutsTheOldest()
    {
        var text = string.Concat(Enumerable.Repeat("word ", 700));
        await storyteller.Server.RefusedAsync(Path, $$"""{"model":"storyteller","input":"{{text}}"}""", 400);
        var response = await storyteller.Server.AskAsync(
            Path,
            $$"""{"model":"storyteller","input":"{{text}}","truncation":"auto","max_output_tokens":2}""");
        Assert.Equal(510, (int)response["usage"]!["input_tokens"]!);
    }
}
