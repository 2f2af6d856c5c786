using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Simulation;
using TorchKv.TestSupport;

namespace TorchKv.Cli.Tests;

/// <summary>Damaged input files are read, or refused in one sentence that names the file.</summary>
public sealed class JsonLinesFuzzTests
{
    [Fact]
    public void DamagedPromptsAreReadOrRefused()
    {
        var console = new CliConsole(TextWriter.Null, TextWriter.Null, () => Stream.Null);
        Fuzz(
            ["""{"prompt":"Once upon\u2028a time","more":[1]}""", """{"prompt_ids":[1,2,300000]}"""],
            path =>
            {
                foreach (var prompt in Prompts.ReadLines(path, console))
                {
                    Assert.True((prompt.Text is null) != (prompt.Ids is null));
                    Assert.All(prompt.Ids ?? [], id => Assert.InRange(id, 0, int.MaxValue));
                }
            });
    }

    [Fact]
    public void DamagedWorkloadsAreReadOrRefused() => Fuzz(
        [
            """{"arrival":0.5,"prompt_tokens":100,"new_tokens":50,"prefix":"a","prefix_tokens":20}""",
            """{"arrival":0,"prompt_tokens":1,"new_tokens":1}""",
        ],
        path => Assert.All(SimulatedWorkload.Read(path), request =>
        {
            Assert.InRange(request.Arrival, 0, double.MaxValue);
            Assert.InRange(request.PromptTokens, 1, SimulatedRequest.MaxTokens);
            Assert.InRange(request.NewTokens, 1, SimulatedRequest.MaxTokens);
        }));

    [Fact]
    public async Task DamagedListsOfIdsAreReadOrRefused()
    {
        using var folder = new TemporaryFolder();
        var model = RepositoryFiles.Fixture("reports", "c-base");
        var (read, refused) = (0, 0);
        foreach (var bytes in DamagedJson.Samples("[1,2,3,4,5]", 200, seed: 5))
        {
            File.WriteAllBytes(folder["ids.json"], bytes);
            var run = await CommandLineRun.Of(
                "perplexity", "--model", model, "--ids-file", folder["ids.json"], "--json");
            (read, refused) = (read + (run.ExitCode == 0 ? 1 : 0), refused + run.ExitCode);
            Assert.InRange(run.ExitCode, 0, 1);
            if (run.ExitCode == 1)
            {
                Assert.Contains(folder["ids.json"], Assert.Single(run.Error.TrimEnd().Split('\n')));
                Assert.DoesNotContain("internal error", run.Error);
            }
        }

        Assert.InRange(read, 10, 190);
        Assert.InRange(refused, 10, 190);
    }

    [Fact]
    public async Task AnIdThatIsNoNumberIsNamed()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["p.jsonl"], """{"prompt_ids": [1, "two"]}""");

        await CommandLineRun.Fails(
            "prompt_ids holds \"two\", which is not a token id",
            "generate", "--model", RepositoryFiles.Fixture("reports", "c-base"), "--prompts", folder["p.jsonl"]);
    }

    private static void Fuzz(string[] lines, Action<string> read)
    {
        using var folder = new TemporaryFolder();
        var (done, refused) = (0, 0);
        var samples = lines.Select((line, i) => DamagedJson.Samples(line, 2_000, seed: i).ToArray()).ToArray();
        for (var sample = 0; sample < samples[0].Length; sample++)
        {
            File.WriteAllBytes(
                folder["lines"], [.. samples[0][sample], (byte)'\n', .. samples[^1][sample], (byte)'\n']);
            try
            {
                read(folder["lines"]);
                done++;
            }
            catch (TorchKvException error)
            {
                refused++;
                Assert.Contains(folder["lines"], error.Message);
                Assert.InRange(error.Message.Length, 1, 2_000);
            }
        }

        Assert.InRange(done, 10, 1_990);
        Assert.InRange(refused, 10, 1_990);
    }
}
