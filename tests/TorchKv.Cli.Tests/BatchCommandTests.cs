using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using TorchKv.Cli.CommandLine;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

/// <summary><c>torchkv batch</c>: files in, files out, whatever happens to the process between.</summary>
public class BatchCommandTests
{
    private const int Interrupt = 2;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task RunsKilledAtRandomGiveTheBytesOfOneUndisturbed(int seed)
    {
        using var folder = new TemporaryFolder();
        WriteInput(folder["in.jsonl"], 160);
        var whole = await Of(Batch(folder, "whole"));
        Assert.Equal(0, whole.Json.GetProperty("failed").GetInt32());
        var random = new Random(seed);
        var kills = 0;
        for (long last = -1; kills < 25; kills++)
        {
            using var process = ChildProcess.Start([.. Batch(folder, "killed"), "--concurrency", "4"]);
            process.StandardInput.Close();

            // Killed at a random time after its first new answer, so that every run gets somewhere.
            while (!process.HasExited && Length(folder["killed.jsonl"]) <= last)
            {
                await Task.Delay(5);
            }

            await Task.Delay(random.Next(150));
            process.Kill();
            await process.WaitForExitAsync();
            last = Length(folder["killed.jsonl"]);
            if (File.ReadLines(folder["killed.jsonl"]).Count() >= 160)
            {
                break;
            }
        }

        var resumed = await Of(Batch(folder, "killed"));

        Assert.Equal(ExitCodes.Done, resumed.ExitCode);
        Assert.True(kills > 0, "Every run ended before it was killed.");
        Assert.Equal(File.ReadAllBytes(folder["whole.jsonl"]), File.ReadAllBytes(folder["killed.jsonl"]));
    }

    [Fact]
    public async Task AnInterruptLeavesWholeLinesAndExitCode130()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals to send.");
        using var folder = new TemporaryFolder();
        WriteInput(folder["in.jsonl"], 400);
        using var process = ChildProcess.Start([.. Batch(folder, "out")[..3], "--concurrency", "2", .. s_model]);
        process.StandardInput.Close();
        while (!process.HasExited && Length(folder["out.jsonl"]) <= 0)
        {
            await Task.Delay(5);
        }

        Assert.Equal(0, Kill(process.Id, Interrupt));
        var run = await ChildProcess.Finish(process);

        Assert.Equal(ExitCodes.Interrupted, run.ExitCode);
        Assert.Contains("lines done; the same command goes on from there.", run.Error);
        Assert.InRange(File.ReadLines(folder["out.jsonl"]).Count(), 1, 399);
        Assert.All(File.ReadLines(folder["out.jsonl"]), line => Assert.NotNull(JsonNode.Parse(line)!["response"]));
        var resumed = await Of(Batch(folder, "out"));
        Assert.Contains("lines were done before; going on.", resumed.Error);
        Assert.Equal(400, File.ReadLines(folder["out.jsonl"]).Count());
    }

    [Fact]
    public async Task FailedLinesAreInTheErrorFileAndExitCode()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(
            folder["in.jsonl"],
            [
                Line("good", "storyteller"), "nonsense", Line("other", "gpt-4"),
            ]);

        var run = await Of([.. Batch(folder, "out")[..3], .. s_model]);

        Assert.Equal(ExitCodes.Failed, run.ExitCode);
        Assert.StartsWith("1 of 3 lines answered in ", run.Out);
        Assert.Contains("torchkv: 2 of 3 lines failed; ", run.Error);
        Assert.Equal(
            ["invalid_json_line", "model_not_found"],
            File.ReadLines(folder["out.errors.jsonl"]).Select(line => JsonNode.Parse(line)!)
                .Select(error => (string)(error["error"] ?? error["response"]!["body"]!["error"])!["code"]!));
        File.Delete(folder["out.errors.jsonl"]);
        var again = await Of([.. Batch(folder, "out")[..3], .. s_model, "--model-alias", "gpt-4"]);
        Assert.Contains("1 of 3 lines failed", again.Error);
        Assert.Equal(2, File.ReadLines(folder["out.jsonl"]).Count());
    }

    [Fact]
    public async Task AnotherModelDoesNotGoOn()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["in.jsonl"], [Line("a", "x")]);
        Assert.Equal(ExitCodes.Done, (await Of([.. Batch(folder, "out"), "--model-name", "x"])).ExitCode);

        await Fails(
            "answers custom_id 'a' as it was before", [.. Batch(folder, "out"), "--model-name", "x", "--dtype", "bfloat16"]);
        await Fails("is not there; check the path.", ["batch", folder["no.jsonl"], folder["x.jsonl"], .. s_model]);
        await RefusesUsage("two files are needed", ["batch", folder["in.jsonl"], .. s_model]);
        await Fails("must be three files", ["batch", folder["in.jsonl"], folder["in.jsonl"], .. s_model]);
        await Fails("cannot be written", ["batch", folder["in.jsonl"], folder["no/x.jsonl"], .. s_model]);
    }

    private static readonly string[] s_model = ["--model", Storyteller.Folder, "--runner", "cpu"];

    private static string[] Batch(TemporaryFolder folder, string output) =>
        ["batch", folder["in.jsonl"], folder[output + ".jsonl"], "--json", .. s_model];

    private static void WriteInput(string path, int count) => File.WriteAllLines(
        path,
        Enumerable.Range(0, count).Select(i => Line(
            string.Create(CultureInfo.InvariantCulture, $"line {i}"), "storyteller", 4 + (i % 30))));

    private static string Line(string id, string model, int maxTokens = 4) => JsonSerializer.Serialize(new
    {
        custom_id = id,
        method = "POST",
        url = "/v1/completions",
        body = new { model, prompt = "Once upon " + id, max_tokens = maxTokens },
    });

    private static long Length(string path) => File.Exists(path) ? new FileInfo(path).Length : -1;

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);
}
