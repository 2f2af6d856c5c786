using System.Globalization;
using System.Xml.Linq;
using TorchKv.Cli.Plotting;
using TorchKv.Plotting;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Simulation;
using TorchKv.TestSupport;
using static TorchKv.Cli.Tests.CommandLineRun;

namespace TorchKv.Cli.Tests;

public class BlockFigureTests
{
    private sealed record Cell(int Step, int Block, string State, string Owners, int Tokens, int PaintedSlots);

    private static string Attribute(XElement element, string name) => element.Attribute(name)!.Value;

    private static List<Cell> Cells(string svg) => [.. XDocument.Parse(svg).Descendants()
        .Where(element => element.Attribute("data-block") is not null)
        .Select(element => new Cell(
            int.Parse(Attribute(element, "data-step"), CultureInfo.InvariantCulture),
            int.Parse(Attribute(element, "data-block"), CultureInfo.InvariantCulture),
            Attribute(element, "data-state"),
            Attribute(element, "data-owners"),
            int.Parse(Attribute(element, "data-tokens"), CultureInfo.InvariantCulture),
            element.Elements().Count(slot => slot.Attribute("class")?.Value == "slot" && slot.Attribute("style") is not null)))];

    private static string Table(string svg, int step, string owner) => XDocument.Parse(svg).Descendants()
        .Where(element => element.Attribute("data-blocks") is not null && Attribute(element, "data-step") == step.ToString(CultureInfo.InvariantCulture) && Attribute(element, "data-owner") == owner)
        .Select(element => Attribute(element, "data-blocks")).Single();

    [Fact]
    public async Task TheDocumentationsFiguresAreWhatTheCommandsBesideThemDraw()
    {
        var document = File.ReadAllText(RepositoryFiles.At("docs", "kv-cache.md"));
        var commands = document.Split('\n').Where(line => line.StartsWith("torchkv simulate", StringComparison.Ordinal) && line.Contains("--draw ", StringComparison.Ordinal)).ToList();
        Assert.Equal(3, commands.Count);
        using var folder = new TemporaryFolder();
        foreach (var command in commands)
        {
            var words = command.Split(' ')[1..];
            var image = words[^1];
            words[^1] = folder["figure.svg"];
            words[Array.IndexOf(words, "--trace") + 1] = RepositoryFiles.At(words[Array.IndexOf(words, "--trace") + 1].Split('/'));
            Assert.Equal(0, (await Of(words)).ExitCode);
            Assert.Contains($"({image["docs/".Length..]})", document, StringComparison.Ordinal);
            Assert.Equal(File.ReadAllText(RepositoryFiles.At(image.Split('/'))), File.ReadAllText(folder["figure.svg"]));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void EveryBlockIsDrawnOnceWithStateTokensAndHolders(int seed)
    {
        var workload = SimulatedWorkload.Make(24, 300, seed, (1, 60), (1, 50), sharedTokens: 33, prefixes: 2);
        var options = new SimulationOptions { BlockCount = 24, Scheduling = new SchedulingOptions { MaxTokensPerStep = 48, PrefillTokensBesideDecodes = 20 } };
        var steps = Enumerable.Range(0, 12).Select(i => 1 + (i * 9)).ToArray();
        var story = new BlockStory(steps, 12);
        var told = new SchedulerSimulation(workload, options);
        while (story.Tell(told))
        {
        }

        var cells = Cells(new BlockFigure("t", "s", story.Frames).ToSvg());
        var again = new SchedulerSimulation(workload, options);
        var (step, seen) = (0, new HashSet<string>());
        while (again.Step())
        {
            if (!steps.Contains(++step))
            {
                continue;
            }

            var snapshot = again.Snapshot();
            var drawn = cells.Where(cell => cell.Step == step).ToList();
            Assert.Equal(Enumerable.Range(0, 24), drawn.Select(cell => cell.Block));
            foreach (var cell in drawn)
            {
                var holders = new List<string>();
                var tokens = 0;
                foreach (var sequence in snapshot.Sequences)
                {
                    for (var position = 0; position < sequence.ComputedTokens; position++)
                    {
                        if (sequence.Blocks[position / 16] == cell.Block)
                        {
                            tokens = Math.Max(tokens, (position % 16) + 1);
                            holders.Add(((char)('A' + sequence.Request)).ToString());
                        }
                    }
                }

                holders = [.. holders.Distinct()];
                var state = holders.Count > 1 ? "shared" : holders.Count == 1 ? "held" : snapshot.Blocks[cell.Block] == BlockUse.Cached ? "cached" : "free";
                tokens = state == "cached" ? 16 : tokens;
                Assert.Equal(new Cell(step, cell.Block, state, string.Join(' ', holders), tokens, tokens), cell);
                seen.Add(state);
            }
        }

        Assert.Equal(4, seen.Count);
    }

    [Fact]
    public async Task APreemptedRequestsBlocksAreDrawnAndFoundAgain()
    {
        var svg = await Draw("preemption", 8, "25,26,41");
        Assert.Equal(["held A", "held A", "held A", "held B", "held B", "held B", "held A", "held B"], States(svg, 25));
        Assert.Equal(["held A", "held A", "held A", "cached ", "cached ", "cached ", "held A", "held A"], States(svg, 26));
        Assert.Equal(("0 1 2 6 7", ""), (Table(svg, 26, "A"), Table(svg, 26, "B")));
        Assert.Equal(["cached ", "cached ", "cached ", "held B", "held B", "held B", "cached ", "held B"], States(svg, 41));
        Assert.Equal("3 4 5 7", Table(svg, 41, "B"));
        Assert.Contains("B is preempted and gives back blocks 3, 4, 5 and 7; A takes block 7", svg, StringComparison.Ordinal);
        Assert.Contains("B goes on: finds blocks 3, 4 and 5 in the index, takes block 7", svg, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TwoTablesHoldASharedBlockThePoolOnce()
    {
        var svg = await Draw("prefix", 12, "11,24");
        Assert.Equal(["shared A B", "shared A B", "held A", "held A", "held B", "free "], States(svg, 11)[..6]);
        Assert.Equal(("0 1 2 3", "0 1 4"), (Table(svg, 11, "A"), Table(svg, 11, "B")));
        Assert.Equal(["held B", "held B", "cached ", "free ", "held B", "held B"], States(svg, 24)[..6]);
    }

    [Fact]
    public async Task WithoutStepsThoseAreDrawnInWhichBlocksChangeHands()
    {
        var svg = await Draw("growth", 6, null);
        Assert.Equal([1, 14, 30, 32], Cells(svg).Select(cell => cell.Step).Distinct());
    }

    [Theory]
    [InlineData("a pool of at most 48 blocks, not 8192", "--draw", "blocks.svg")]
    [InlineData("--draw-steps goes with --draw", "--draw-steps", "1,2")]
    [InlineData("--draw-steps takes at most 12", "--blocks", "40", "--draw", "blocks.svg", "--draw-steps", "1,2,3,4,5,6,7,8,9,10,11,12,13")]
    public Task WhatCannotBeDrawnIsRefused(string words, params string[] options) =>
        RefusesUsage(words, ["simulate", "--synthetic", .. options]);

    private static string[] States(string svg, int step) => [.. Cells(svg).Where(cell => cell.Step == step).Select(cell => $"{cell.State} {cell.Owners}")];

    private static async Task<string> Draw(string trace, int blocks, string? steps)
    {
        using var folder = new TemporaryFolder();
        var run = await Of([
            "simulate", "--trace", RepositoryFiles.At("docs", "traces", trace + ".jsonl"), "--blocks", blocks.ToString(CultureInfo.InvariantCulture),
            "--draw", folder["blocks.svg"], .. steps is null ? Array.Empty<string>() : ["--draw-steps", steps],
        ]);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        return File.ReadAllText(folder["blocks.svg"]);
    }
}
