using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

public sealed class CompletionTests(Storyteller storyteller)
{
    private const string Path = "/v1/completions";

    [Fact]
    public async Task ATextIsContinuedAsTheEngineDoes()
    {
        var expected = "";
        await foreach (var piece in storyteller.Engine.GenerateAsync("Once upon a time", new() { MaxNewTokens = 10 }))
        {
            expected += piece.Text;
        }

        var answer = await storyteller.Server.AskAsync(
            Path,
            """{"model":"storyteller","prompt":"Once upon a time","max_tokens":10,"temperature":0}""");
        Assert.StartsWith("cmpl-", (string?)answer["id"]);
        Assert.Equal("text_completion", (string?)answer["object"]);
        Assert.Equal(expected, (string?)answer["choices"]![0]!["text"]);
        Assert.Equal("length", (string?)answer["choices"]![0]!["finish_reason"]);
        Assert.Equal(10, (int)answer["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task WithoutMaxTokensItIsSixteen()
    {
        var answer = await storyteller.Server.AskAsync(
            Path,
            """{"model":"storyteller","prompt":"Once","temperature":0,"ignore_eos":true}""");
        Assert.Equal(16, (int)answer["usage"]!["completion_tokens"]!);
    }

    [Fact]
    public async Task IdsAndTextsGiveTheSame()
    {
        var ids = string.Join(",", storyteller.Engine.Tokenizer!.Encode("The cat sat"));
        const string Rest = ""","max_tokens":6,"temperature":0}""";
        var text = await storyteller.Server.AskAsync(Path, """{"model":"storyteller","prompt":"The cat sat" """ + Rest);
        var one = await storyteller.Server.AskAsync(Path, $$"""{"model":"storyteller","prompt":[{{ids}}]""" + Rest);
        var mixed = await storyteller.Server.AskAsync(
            Path,
            $$"""{"model":"storyteller","prompt":[[{{ids}}],"The cat sat"]""" + Rest);
        var expected = (string?)text["choices"]![0]!["text"];
        Assert.Equal(expected, (string?)one["choices"]![0]!["text"]);
        Assert.Equal([expected, expected], mixed["choices"]!.AsArray().Select(choice => (string?)choice!["text"]));
    }

    [Fact]
    public async Task SeveralPromptsTimesNGiveEachAnIndex()
    {
        var answer = await storyteller.Server.AskAsync(
            Path,
            """{"model":"storyteller","prompt":["A fox","A hen","A pig"],"n":2,"max_tokens":4,"seed":3}""");
        Assert.Equal([0, 1, 2, 3, 4, 5], answer["choices"]!.AsArray().Select(choice => (int)choice!["index"]!));
        string[] prompts = ["A fox", "A hen", "A pig"];
        var promptTokens = prompts.Sum(prompt => storyteller.Engine.Tokenizer!.Encode(prompt).Count);
        Assert.Equal(promptTokens, (int)answer["usage"]!["prompt_tokens"]!);
        Assert.InRange((int)answer["usage"]!["completion_tokens"]!, 6, 24);
    }

    [Fact]
    public async Task SeveralPromptsStreamTogether()
    {
        var stream = await storyteller.Server.StreamAsync(
            Path,
            """{"model":"storyteller","prompt":["A fox","A hen"],"n":2,"max_tokens":5"""
                + ""","seed":3,"stream":true,"stream_options":{"include_usage":true}}""");
        for (var i = 0; i < 4; i++)
        {
            Assert.Single(stream.Reasons(i));
        }

        Assert.All(stream.Events, e => Assert.Equal("text_completion", (string?)e["object"]));
        Assert.NotNull(stream.Usage);
        Assert.True(stream.IsDone);
    }

    [Theory]
    [InlineData("""{"model":"storyteller","max_tokens":3}""")]
    [InlineData("""{"model":"storyteller","prompt":null,"max_tokens":3}""")]
    [InlineData("""{"model":"storyteller","prompt":"","max_tokens":3}""")]
    public async Task AnEmptyPromptIsTheEndOfTextToken(string body)
    {
        var rendered = await storyteller.Server.AskAsync(Path + "/render", body);
        Assert.Equal(
            storyteller.Engine.Tokenizer!.EndOfTextId,
            (int)Assert.Single(rendered[0]!["token_ids"]!.AsArray())!);
        Assert.NotNull((await storyteller.Server.AskAsync(Path, body))["choices"]);
    }

    [Fact]
    public async Task EchoWithMaxTokensZeroScoresThePrompt()
    {
        var answer = await storyteller.Server.AskAsync(
            Path,
            """{"model":"storyteller","prompt":"Once upon a time there was","max_tokens":0"""
                + ""","echo":true,"logprobs":2}""");
        var choice = answer["choices"]![0]!;
        Assert.Equal("Once upon a time there was", (string?)choice["text"]);
        Assert.Equal("length", (string?)choice["finish_reason"]);
        var scores = choice["logprobs"]!;
        var count = (int)answer["usage"]!["prompt_tokens"]!;
        Assert.Equal(0, (int)answer["usage"]!["completion_tokens"]!);
        Assert.Equal(count, scores["tokens"]!.AsArray().Count);
        Assert.Null(scores["token_logprobs"]![0]);
        Assert.All(scores["token_logprobs"]!.AsArray().Skip(1), score => Assert.InRange((double)score!, -9999, 0));
        Assert.Equal(
            "Once upon a time there was",
            string.Concat(scores["tokens"]!.AsArray().Select(token => (string?)token)));
        Assert.Equal(0, (int)scores["text_offset"]![0]!);
        Assert.All(Enumerable.Range(1, count - 1), i => Assert.Equal(
            (int)scores["text_offset"]![i - 1]! + ((string)scores["tokens"]![i - 1]!).Length,
            (int)scores["text_offset"]![i]!));
    }

    [Fact]
    public async Task EchoPutsThePromptBeforeEveryAnswer()
    {
        var answer = await storyteller.Server.AskAsync(
            Path,
            """{"model":"storyteller","prompt":"A big","max_tokens":3,"echo":true,"n":2,"seed":1,"logprobs":1}""");
        var size = storyteller.Engine.Tokenizer!.Encode("A big").Count;
        Assert.All(answer["choices"]!.AsArray(), choice =>
        {
            Assert.StartsWith("A big", (string?)choice!["text"]);
            Assert.True(choice["logprobs"]!["tokens"]!.AsArray().Count > size);
        });
    }

    [Fact]
    public async Task AnEchoStreamsToo()
    {
        const string Body = """{"model":"storyteller","prompt":"A big","max_tokens":3,"echo":true,"temperature":0""";
        var whole = await storyteller.Server.AskAsync(Path, Body + "}");
        var stream = await storyteller.Server.StreamAsync(Path, Body + ""","stream":true}""");
        Assert.Equal((string?)whole["choices"]![0]!["text"], stream.Text());
    }

    [Fact]
    public async Task HalfCharactersAreNamedByTheirBytes()
    {
        var fake = new FakeGenerator(Storyteller.Tokenizer) { Says = "🦊" };
        await using var server = await RunningServer.StartAsync(fake);
        var answer = await server.AskAsync(Path, """{"model":"fake","prompt":"x","logprobs":0}""");
        var tokens = answer["choices"]![0]!["logprobs"]!["tokens"]!.AsArray().Select(token => (string)token!).ToArray();
        Assert.Contains(tokens, token => token.StartsWith("bytes:\\xf0", StringComparison.Ordinal));
        Assert.Equal("🦊", (string?)answer["choices"]![0]!["text"]);
        var byId = await server.AskAsync(
            Path,
            """{"model":"fake","prompt":"x","logprobs":0,"return_tokens_as_token_ids":true}""");
        Assert.All(
            byId["choices"]![0]!["logprobs"]!["tokens"]!.AsArray(),
            token => Assert.StartsWith("token_id:", (string?)token));
    }

    [Theory]
    [InlineData("""{"truncate_prompt_tokens":2}""", "left")]
    [InlineData("""{"truncate_prompt_tokens":2,"truncation_side":"right"}""", "right")]
    public async Task APromptIsCutWhereAsked(string fields, string side)
    {
        var ids = storyteller.Engine.Tokenizer!.Encode("one two three four");
        var rendered = await storyteller.Server.AskAsync(
            Path + "/render",
            """{"model":"storyteller","prompt":"one two three four",""" + fields[1..]);
        var expected = side == "left" ? ids.Skip(ids.Count - 2) : ids.Take(2);
        Assert.Equal(expected, rendered[0]!["token_ids"]!.AsArray().Select(id => (int)id!));
    }

    [Fact]
    public async Task StopTokenIdsEndTheText()
    {
        const string Body = """{"model":"storyteller","prompt":"Once upon a time","max_tokens":10"""
            + ""","temperature":0,"return_token_ids":true""";
        var whole = await storyteller.Server.AskAsync(Path, Body + "}");
        var ids = whole["choices"]![0]!["token_ids"]!.AsArray().Select(id => (int)id!).ToArray();
        var stopped = await storyteller.Server.AskAsync(Path, $$"""{{Body}},"stop_token_ids":[{{ids[4]}}]}""");
        Assert.Equal("stop", (string?)stopped["choices"]![0]!["finish_reason"]);
        Assert.Equal(
            ids.TakeWhile(id => id != ids[4]),
            stopped["choices"]![0]!["token_ids"]!.AsArray().Select(id => (int)id!).Where(id => id != ids[4]));
    }

    [Theory]
    [InlineData(""" "stop":["☃"," time"] """, "\" time\"", "")]
    [InlineData(""" "stop":["☃"," time"],"include_stop_str_in_output":true """, "\" time\"", " time")]
    [InlineData(""" "stop_token_ids":[ID] """, "ID", "")]
    [InlineData(""" "stop_token_ids":[ID],"include_stop_str_in_output":true """, "ID", " time")]
    public async Task TheStopThatEndedAnAnswerIsItsStopReason(string fields, string reason, string end)
    {
        var id = storyteller.Engine.Tokenizer!.Encode(" time").Single();
        var body = """{"model":"storyteller","prompt":"Once upon","max_tokens":8,"temperature":0"""
            + $$""","logit_bias":{"{{id}}":50},{{fields.Replace("ID", $"{id}", StringComparison.Ordinal)}}""";
        var choice = (await storyteller.Server.AskAsync(Path, body + "}"))["choices"]![0]!;
        Assert.Equal(("stop", end), ((string?)choice["finish_reason"], (string?)choice["text"]));
        Assert.Equal(
            reason.Replace("ID", $"{id}", StringComparison.Ordinal), choice["stop_reason"]!.ToJsonString());
        var stream = await storyteller.Server.StreamAsync(Path, body + ""","stream":true}""");
        var last = stream.Events[^1]["choices"]![0]!;
        Assert.Equal(choice["stop_reason"]!.ToJsonString(), last["stop_reason"]!.ToJsonString());
    }

    [Fact]
    public async Task TheTokenThatEndsAnAnswerCountsStreamedOrNot()
    {
        var eos = storyteller.Engine.Model.EosTokenIds.Single();
        foreach (var (least, end) in new[] { (0, ""), (3, ""), (3, $$""","ignore_eos":true,"stop_token_ids":[{{eos}}]""") })
        {
            var body = """{"model":"storyteller","prompt":"Once","max_tokens":8,"temperature":0"""
                + $$""","logit_bias":{"{{eos}}":100},"min_tokens":{{least}}{{end}}""";
            var whole = await storyteller.Server.AskAsync(Path, body + "}");
            var stream = await storyteller.Server.StreamAsync(
                Path, body + ""","stream":true,"stream_options":{"include_usage":true}}""");
            Assert.Equal("stop", (string?)whole["choices"]![0]!["finish_reason"]);
            Assert.Equal(end.Length == 0, whole["choices"]![0]!["stop_reason"] is null);
            Assert.Equal(least + 1, (int)whole["usage"]!["completion_tokens"]!);
            Assert.Equal(least + 1, (int)stream.Usage!["completion_tokens"]!);
            Assert.Equal((int)whole["usage"]!["total_tokens"]!, (int)stream.Usage!["total_tokens"]!);
        }
    }

    [Fact]
    public async Task TheContextsEndIsALengthWithoutShifting()
    {
        var prompt = string.Join(",", Enumerable.Repeat(5, 500));
        var answer = await storyteller.Server.AskAsync(
            Path,
            $$"""{"model":"storyteller","prompt":[{{prompt}}],"max_tokens":12,"ignore_eos":true}""");
        Assert.Equal(12, (int)answer["usage"]!["completion_tokens"]!);
        Assert.Equal("length", (string?)answer["choices"]![0]!["finish_reason"]);
        await storyteller.Server.RefusedAsync(
            Path,
            $$"""{"model":"storyteller","prompt":[{{prompt}}],"max_tokens":13}""",
            400);
    }
}
