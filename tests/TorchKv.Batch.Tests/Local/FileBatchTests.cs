using System.Text.Json.Nodes;
using TorchKv.Batch.Errors;
using TorchKv.Batch.Tests.Support;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Models;
using TorchKv.Server.Tests.Support;

namespace TorchKv.Batch.Tests.Local;

public class FileBatchTests(Small small)
{
    private static ServedModel Served(FakeGenerator fake) =>
        new("storyteller", fake, Small.Tokenizer, ChatTemplates.Transcript);

    [Fact]
    public async Task AnswersHaveOpenAIsFormAndTheInputsOrder()
    {
        using var run = new LocalRun(Requests.Mixed(40));

        var report = await run.RunAsync(small.Model);

        Assert.Equal((40L, 40L, 0L), (report.Lines, report.Answered, report.Failed));
        Assert.Equal(
            Enumerable.Range(0, 40).Select(i => $"line-{i}"), run.Answers.Select(answer => (string)answer["custom_id"]!));
        Assert.All(run.Answers, answer =>
        {
            Assert.Equal(["id", "custom_id", "response", "error"], answer.AsObject().Select(field => field.Key));
            Assert.StartsWith("batch_req_", (string)answer["id"]!);
            Assert.Equal(200, (int)answer["response"]!["status_code"]!);
            Assert.StartsWith("req_", (string)answer["response"]!["request_id"]!);
            Assert.Null(answer["error"]);
            Assert.Equal(1767323045, (long)(answer["response"]!["body"]!["created"]
                ?? answer["response"]!["body"]!["created_at"])!);
        });
        Assert.False(File.Exists(run.Errors));
    }

    [Fact]
    public async Task OutputIsTheSameBytesAtAnyConcurrency()
    {
        using var one = new LocalRun(Requests.Mixed(40));
        using var many = new LocalRun(Requests.Mixed(40));

        await one.RunAsync(small.Model, one.Options with { Concurrency = 1 });
        await many.RunAsync(small.Model, many.Options with { Concurrency = 40 });

        Assert.Equal(File.ReadAllBytes(one.Output), File.ReadAllBytes(many.Output));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(23)]
    public async Task AStoppedRunGoesOnToTheSameBytes(int lines)
    {
        using var whole = new LocalRun(Requests.Mixed(32));
        using var stopped = new LocalRun(Requests.Mixed(32));
        await whole.RunAsync(small.Model);
        using var stop = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopped.RunAsync(
            small.Model, onLine: count => { if (count == lines) { stop.Cancel(); } }, cancellationToken: stop.Token));
        Assert.InRange(stopped.Answers.Length, lines, 31);
        var report = await stopped.RunAsync(small.Model);

        Assert.InRange(report.Before, lines, 31);
        Assert.Equal(32, report.Answered);
        Assert.Equal(File.ReadAllBytes(whole.Output), File.ReadAllBytes(stopped.Output));
    }

    [Fact]
    public async Task ARunContinuesFromAnyLengthAKilledOneLeaves()
    {
        var fake = new FakeGenerator(Small.Tokenizer) { Says = "a b" };
        using var run = new LocalRun([Requests.Completion("one"), "{", Requests.Completion("two", "ü")]);
        await run.RunAsync(Served(fake));
        byte[] output = File.ReadAllBytes(run.Output), errors = File.ReadAllBytes(run.Errors);

        for (var length = 0; length <= output.Length; length += length is < 40 or > 300 ? 7 : 61)
        {
            File.WriteAllBytes(run.Output, output[..length]);
            File.WriteAllBytes(run.Errors, errors[..Math.Min(length, errors.Length)]);
            await run.RunAsync(Served(fake));
            Assert.Equal(output, File.ReadAllBytes(run.Output));
            Assert.Equal(errors, File.ReadAllBytes(run.Errors));
        }
    }

    [Fact]
    public async Task AnsweredLinesAreNotRunAgain()
    {
        var fake = new FakeGenerator(Small.Tokenizer);
        using var run = new LocalRun(Enumerable.Range(0, 20).Select(i => Requests.Completion($"c{i}")));
        await run.RunAsync(Served(fake));
        File.WriteAllLines(run.Output, File.ReadAllLines(run.Output).Where((_, i) => i is not (3 or 11)));
        fake.Arm();

        var report = await run.RunAsync(Served(fake));

        // One more each time to warm up.
        Assert.Equal((18L, 20L, 3), (report.Before, report.Answered, fake.Started));
        Assert.Equal(20, run.Answers.Select(answer => (string)answer["custom_id"]!).Distinct().Count());
    }

    [Fact]
    public async Task BadLinesHaveErrorsThatNameLineFieldAndLimit()
    {
        string[] lines =
        [
            "{\"custom_id\":\"a\"", "[]", "\u00ff{}", Requests.Line("b", "/v1/embeddings", []),
            Requests.Line("c", "/v1/completions", [], method: "GET"), Requests.Line("", "/v1/completions", []),
            Requests.Line(new string('x', 513), "/v1/completions", []),
            "{\"custom_id\":\"d\",\"method\":\"POST\",\"url\":\"/v1/completions\"}",
            Requests.Completion("e"), Requests.Completion("e", "Two"),
            Requests.Completion("f", new string('y', 70_000)), "", "   ",
            Requests.Completion("g", maxTokens: 9999), Requests.Completion("h", model: "gpt-9"),
            Requests.Line("i", "/v1/completions", new JsonObject { ["model"] = "storyteller", ["stream"] = true }),
        ];
        var fake = new FakeGenerator(Small.Tokenizer);
        using var run = new LocalRun(lines);

        var report = await run.RunAsync(Served(fake), run.Options with { LongestLine = 60_000 });

        Assert.Equal((14L, 1L, 13L), (report.Lines, report.Answered, report.Failed));
        var failures = run.Failures;
        (string Code, string? Param, string Words)[] ofLines =
        [
            ("invalid_json_line", null, "Line 1 is not a JSON object"), ("invalid_json_line", null, "Line 2 "),
            ("invalid_json_line", null, "Line 3 "), ("invalid_url", "url", "Line 4: url must be /v1/chat/completions or"),
            ("invalid_method", "method", "must be \"POST\""),
            ("missing_required_parameter", "custom_id", "Line 6: custom_id is missing"),
            ("invalid_value", "custom_id", "has 513 characters; 512 are the most"),
            ("missing_required_parameter", "body", "Line 8: body is missing"),
            ("duplicate_custom_id", "custom_id", "Line 10: custom_id is that of line 9"),
            ("line_too_long", null, "Line 11 is longer than 60000 bytes."),
        ];
        Assert.Equal(ofLines.Length + 3, failures.Length);
        for (var i = 0; i < ofLines.Length; i++)
        {
            Assert.Null(failures[i]["response"]);
            Assert.Equal(ofLines[i].Code, (string)failures[i]["error"]!["code"]!);
            Assert.Equal(ofLines[i].Param, (string?)failures[i]["error"]!["param"]);
            Assert.Contains(ofLines[i].Words, (string)failures[i]["error"]!["message"]!);
        }

        Assert.Equal(
            ["g 400 max_tokens", "h 404 model_not_found", "i 400 unsupported_value"],
            failures[ofLines.Length..].Select(failure =>
                $"{failure["custom_id"]} {failure["response"]!["status_code"]} "
                + (failure["response"]!["body"]!["error"]!["code"] is { } code && (string)code! == "context_length_exceeded"
                    ? "max_tokens" : failure["response"]!["body"]!["error"]!["code"]!.ToString())));
    }

    [Fact]
    public async Task OtherInputsModelsAndFilesAreRefusedUnchanged()
    {
        var fake = Served(new FakeGenerator(Small.Tokenizer));
        using var run = new LocalRun([Requests.Completion("one"), Requests.Completion("two")]);
        await run.RunAsync(fake);
        var before = File.ReadAllBytes(run.Output);

        await RefusesAsync("answers custom_id 'one' as it was before", run, settings: "another model");
        File.WriteAllLines(run.Input, [Requests.Completion("one", "Twice"), Requests.Completion("two")]);
        await RefusesAsync("out.jsonl, line 1 answers custom_id 'one' as it was before", run);
        File.WriteAllLines(run.Input, [Requests.Completion("two")]);
        await RefusesAsync("answers custom_id 'one', which no line has there", run);
        Assert.Equal(before, File.ReadAllBytes(run.Output));
        foreach (var foreign in (string[])["a letter\n", "no line end", "{\"id\":\"batch_req_x\"}\n"])
        {
            File.WriteAllText(run.Output, foreign);
            await RefusesAsync("is no answer of a batch", run);
            Assert.Equal(foreign, File.ReadAllText(run.Output));
        }

        Assert.False(File.Exists(run.Errors));
    }

    [Fact]
    public async Task ADoubledAnswerIsRefused()
    {
        var fake = Served(new FakeGenerator(Small.Tokenizer));
        using var run = new LocalRun([Requests.Completion("one")]);
        await run.RunAsync(fake);
        File.AppendAllText(run.Output, File.ReadAllText(run.Output));

        await RefusesAsync("line 2 answers a line that has an answer already", run);
    }

    [Fact]
    public async Task TwoRunsCannotHaveOneOutput()
    {
        using var run = new LocalRun([Requests.Completion("one")]);
        using var first = await Batch.Local.FileBatch.OpenAsync(run.Options, default);

        await RefusesAsync("cannot be written", run);
    }

    [Fact]
    public async Task ARunWaitsForFullQueuesNotForClosedEngines()
    {
        var fake = new FakeGenerator(Small.Tokenizer);
        using var run = new LocalRun([Requests.Completion("one"), Requests.Completion("two")]);
        fake.Arm();
        var refusals = 0;
        fake.OnStart = _ => fake.Refusal = ++refusals is > 1 and < 5 ? new QueueFullException(1, 1) : null;
        Assert.Equal(2, (await run.RunAsync(Served(fake))).Answered);
        Assert.True(refusals > 5, $"{refusals} starts");

        File.Delete(run.Output);
        refusals = 0;
        fake.OnStart = _ => fake.Refusal = ++refusals > 1 ? new EngineClosedException() : null;
        var error = await Assert.ThrowsAsync<BatchException>(() => run.RunAsync(Served(fake)));
        Assert.Contains("The engine was disposed. Run the same command again to go on.", error.Message);
    }

    private static async Task RefusesAsync(string words, LocalRun run, string settings = "test")
    {
        var options = run.Options with { Settings = System.Text.Encoding.UTF8.GetBytes(settings) };
        var error = await Assert.ThrowsAsync<BatchException>(() => Batch.Local.FileBatch.OpenAsync(options, default));
        Assert.Contains(words, error.Message);
    }
}
