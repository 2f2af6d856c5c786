using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Speculation;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Speculation;

/// <summary>
/// How many tokens to draft: by the cost of steps and the share of drafts that is accepted, in a time that is counted,
/// not measured.
/// </summary>
public class DraftingPaceTests
{
    /// <summary>
    /// Steps of 1, 2, … tokens in steps of one, as measured on two cores; past the last they grow by a token's share of
    /// it.
    /// </summary>
    private static readonly Dictionary<string, double[]> Machines = new()
    {
        ["GPT-2 124M, float32"] = [1, 1.19, 1.22, 1.22, 1.28, 1.30, 1.45, 1.48, 1.50, 1.52, 1.52, 1.52, 2.05, 2.06, 2.08, 2.10, 2.2, 2.3],
        ["GPT-2 124M, int8"] = [1, 2.22, 2.26, 2.33, 2.36, 2.45, 3.1, 3.2, 3.2, 3.2, 3.3, 3.3, 4.0, 4.1, 4.1, 4.1, 4.5, 4.9],
        ["storyteller, float32"] = [1, 1.22, 1.26, 1.32, 1.47, 1.56, 1.9, 2.02, 2.1, 2.16, 2.2, 2.33, 2.78, 2.8, 2.9, 2.98, 3.2, 3.6],
        ["bound by arithmetic"] = [1, 2, 3, 4, 5, 6, 7, 8],
    };

    public static TheoryData<string> AllMachines => [.. Machines.Keys];

    [Theory]
    [MemberData(nameof(AllMachines))]
    public void StoriesWithoutRepetitionTakeAtMostThreePercentLonger(string machine)
    {
        var (plain, withDrafts) = (0.0, 0.0);
        var times = new StepTimes();
        foreach (var story in Stories())
        {
            var (length, time, _) = Tell(story, Math.Min(20, story.Length / 2), Machines[machine], times);
            plain += length;
            withDrafts += time;
        }

        Assert.True(plain / withDrafts >= 0.97, $"{plain / withDrafts:0.000} × plain on {machine}");
    }

    [Theory]
    [InlineData("GPT-2 124M, float32", 1.8)]
    [InlineData("storyteller, float32", 1.8)]
    [InlineData("GPT-2 124M, int8", 1.8)]
    [InlineData("bound by arithmetic", 0.97)]
    public void AStoryToldAgainIsDrafted(string machine, double wanted)
    {
        var (plain, withDrafts) = (0.0, 0.0);
        var times = new StepTimes();
        foreach (var story in Stories().Where(s => s.Length is > 60 and < 200))
        {
            var (length, time, _) = Tell([.. story, .. story], story.Length, Machines[machine], times);
            plain += length;
            withDrafts += time;
        }

        Assert.True(plain / withDrafts >= wanted, $"{plain / withDrafts:0.00} × plain on {machine}");
    }

    [Fact]
    public void NothingIsDraftedWhereEveryTokenCostsAStep() =>
        Assert.Equal([0], Granted(Machines["bound by arithmetic"], decodes: 1, new FixedDrafts(0.9).Sequence(8)));

    [Fact]
    public void ATileIsFilledWithoutBeginningAnotherForALittle() =>
        Assert.Equal([5], Granted(Machines["GPT-2 124M, float32"], decodes: 1, new FixedDrafts(0.6).Sequence(8)));

    [Fact]
    public void AStepThatCostsMoreOnlyAtFirstIsFilled()
    {
        // The second token costs as much as it is expected to give; the next fifteen cost nothing.
        double[] machine = [1, .. Enumerable.Repeat(1.75, 16)];
        Assert.Equal([16], Granted(machine, decodes: 1, new FixedDrafts(0.75).Sequence(16)));
        Assert.Equal([0], Granted(machine, decodes: 1, new FixedDrafts(0.75).Sequence(1)));
    }

    [Fact]
    public void NoDraftIsTriedWhereOtherSequencesWaitTooLong()
    {
        // The nineteenth token begins a tile: half a step more for everybody.
        double[] machine = [.. Enumerable.Repeat(1.0, 18), .. Enumerable.Repeat(1.5, 6)];
        Assert.Equal([1], Granted(machine, decodes: 1, new FixedDrafts(0.4).Sequence(1)));
        Assert.Equal([0], Granted(machine, decodes: 18, new FixedDrafts(0.4).Sequence(1)));
    }

    [Fact]
    public void TheSequenceWithTheMostAcceptedDraftsGetsTheRoom()
    {
        double[] machine = [.. Enumerable.Repeat(1.0, 8), .. Enumerable.Repeat(9.0, 16)];
        var likely = new FixedDrafts(0.9).Sequence(16);
        var unlikely = new FixedDrafts(0.5).Sequence(16);

        // Six tokens fit beside the two that are decoded: 0.9, 0.81, 0.73, 0.66, 0.59, 0.53 before 0.5.
        Assert.Equal([6, 0], Granted(machine, decodes: 2, likely, unlikely));
    }

    [Fact]
    public void DraftsAreNotMadeWhereMakingThemTakesTooLong()
    {
        double[] machine = [1, .. Enumerable.Repeat(1.1, 16)];
        foreach (var (seconds, isMade) in new[] { (0.05, true), (0.9, false) })
        {
            var times = new StepTimes();
            times.Record(1, seconds);
            Assert.Equal(isMade, Granted(machine, decodes: 1, new FixedDrafts(0.7, times).Sequence(8))[0] > 0);
        }

        // Until it is known how long it takes, it is tried.
        Assert.True(Granted(machine, decodes: 1, new FixedDrafts(0.7, new StepTimes()).Sequence(8))[0] > 0);
    }

    [Fact]
    public void AStepThatSomethingDelayedDoesNotEndTheTrying()
    {
        var times = new StepTimes();
        for (var i = 0; i < 20; i++)
        {
            times.Record(1, 0.01);
        }

        times.Record(4, 60);
        Assert.InRange(times.Of(4), 0.01, 0.02);
        Assert.Equal(0.01, times.Of(1), 1e-6);
    }

    [Fact]
    public void AClockThatStandsStillTeachesNothing()
    {
        var times = new StepTimes();
        times.Record(1, 0);
        Assert.False(times.IsKnown);
        Assert.InRange(times.Of(4), times.Of(1), 1.2 * times.Of(1));
    }

    [Fact]
    public void WhatBecameFasterIsFoundOut()
    {
        var times = Learned([1, 5]);
        for (var i = 0; i < 2100; i++)
        {
            times.Tick();
            times.Record(1, 1);
        }

        Assert.InRange(times.Of(2), 1, 1.5);
    }

    [Fact]
    public void DraftsThatWereNotVerifiedAreComparedWithTheText()
    {
        var source = new FixedDrafts(0.1);
        var drafts = source.Sequence(offered: 1);
        Assert.Equal(0.1, drafts.Acceptance, 1e-9);
        for (var i = 0; i < 20; i++)
        {
            source.Begin(drafts, offered: 1, position: 10 + i);
            drafts.Settle(10 + i, accepted: 0, next: 7);
        }

        Assert.True(drafts.Acceptance > 0.7);
    }

    [Fact]
    public void DraftsForAnotherPlaceInTheTextAreNotCounted()
    {
        var drafts = new FixedDrafts(0.5).Sequence(offered: 1, position: 10);
        drafts.Settle(11, accepted: 0, next: 8);
        Assert.Equal(0.5, drafts.Acceptance);
    }

    [Fact]
    public void ASourceThatWasGivenUpIsTriedAgainLater()
    {
        var source = new FixedDrafts(0.7, new StepTimes());
        var drafts = source.Sequence(offered: 3);
        for (var i = 0; i < 20; i++)
        {
            source.Begin(drafts, offered: 1, position: 10);
            drafts.Add(8);
            drafts.Settle(10, accepted: 0, next: 7);
        }

        Assert.True(drafts.Acceptance < 0.2);
        for (var i = 0; i < 200; i++)
        {
            source.Begin(drafts, offered: 1, position: 10);
            drafts.Settle(10, accepted: 0, next: 7);
        }

        Assert.InRange(drafts.Acceptance, 0.65, 0.7);
    }

    private static int[] Granted(double[] machine, int decodes, params DraftedSequence[] sequences)
    {
        new DraftBudget(Learned(machine)).Grant(decodes, sequences);
        return [.. sequences.Select(sequence => sequence.Granted)];
    }

    private static StepTimes Learned(double[] machine)
    {
        var times = new StepTimes();
        for (var i = 0; i < 50; i++)
        {
            for (var n = 1; n <= machine.Length; n++)
            {
                times.Record(n, machine[n - 1]);
            }
        }

        return times;
    }

    /// <summary>
    /// Drafts through a text as the engine does; gives the tokens after the prompt, their time in steps of one token,
    /// and the drafts put to the model.
    /// </summary>
    private static (int Tokens, double Time, int Drafted) Tell(
        int[] text,
        int prompt,
        double[] machine,
        StepTimes times)
    {
        var source = new PromptLookup();
        var options = new GenerationOptions { Speculation = new SpeculationOptions() };
        var drafts = new DraftedSequence(FixedDrafts.Rules(options), null, 0);
        var budget = new DraftBudget(times);
        var (time, drafted) = (0.0, 0);
        for (var at = prompt + 1; at < text.Length;)
        {
            times.Tick();
            drafts.Begin(FixedDrafts.Tokens(text[..at]));
            var tried = 0;
            if (text.Length - at - 1 > 0 && drafts.TryUse(source, Math.Min(16, text.Length - at - 1)))
            {
                budget.Grant(1, [drafts]);
                tried = drafts.Granted;
            }

            var accepted = 0;
            while (accepted < tried && drafts.Tokens[accepted] == text[at + accepted])
            {
                accepted++;
            }

            var cost = 1 + tried <= machine.Length ? machine[tried] : machine[^1] * (1 + tried) / machine.Length;
            times.Record(1 + tried, cost);
            time += cost;
            drafted += tried;
            drafts.Settle(at, accepted, text[at + accepted]);
            at += accepted + 1;
        }

        return (text.Length - prompt - 1, time, drafted);
    }

    private static IEnumerable<int[]> Stories()
    {
        var tokenizer = Gpt2Tokenizer.Load(RepositoryFiles.Weights("storyteller"));
        var text = File.ReadAllText(RepositoryFiles.Fixture("storyteller", "heldout.txt"), Encoding.UTF8);
        return text.Split("<|endoftext|>", StringSplitOptions.RemoveEmptyEntries).Select(story => tokenizer.Encode(story).ToArray()).Where(ids => ids.Length > 40);
    }
}
