using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Speculation;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// How many tokens to draft: by the cost of steps and the share of drafts that is accepted, in a time that is counted,
/// not measured.
/// </summary>
[Trait("speed", "fast")]
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
    public void UnrepetitiveStoriesTakeAtMostThreePercentLonger(string machine)
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
    public void NothingIsDraftedWhereEveryTokenCostsAStep()
    {
        var times = Learned(Machines["bound by arithmetic"]);
        var forecast = new StepForecast(times);
        forecast.Begin(1);
        Assert.Equal(0, forecast.AddWorthwhile([0.9, 0.8, 0.7]));
    }

    [Fact]
    public void ATileIsFilledWithoutBeginningAnotherForALittle()
    {
        var times = Learned(Machines["GPT-2 124M, float32"]);
        var forecast = new StepForecast(times);
        forecast.Begin(1);
        Assert.Equal(5, forecast.AddWorthwhile([0.8, 0.6, 0.45, 0.3, 0.2, 0.12, 0.06, 0.03]));
        Assert.Equal(6, forecast.Computed);
    }

    [Fact]
    public void NoDraftIsTriedWhereOtherSequencesWaitTooLong()
    {
        // The nineteenth token begins a tile: half a step more for everybody.
        var times = Learned([.. Enumerable.Repeat(1.0, 18), .. Enumerable.Repeat(1.5, 6)]);
        var forecast = new StepForecast(times);
        forecast.Begin(1);
        Assert.Equal(1, forecast.AddWorthwhile([0.4]));
        forecast.Begin(18);
        Assert.Equal(0, forecast.AddWorthwhile([0.4]));
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
            times.Tick(again: true);
            times.Record(1, 1);
        }

        Assert.InRange(times.Of(2), 1, 1.5);
    }

    [Fact]
    public void DraftsThatWereNotVerifiedAreComparedWithTheText()
    {
        var pace = new SequenceDrafts(DraftSource.PromptLookup);
        var before = Probability();
        for (var i = 0; i < 20; i++)
        {
            pace.Begin(10 + i);
            pace.Add(7, SequenceDrafts.KindOfMatch(2));
            pace.Settle(10 + i, accepted: 0, next: 7);
        }

        Assert.True(Probability() > 0.7);
        Assert.True(before < 0.3);

        double Probability()
        {
            pace.Begin(1);
            pace.Add(7, SequenceDrafts.KindOfMatch(2));
            return pace.AllAccepted;
        }
    }

    [Fact]
    public void DraftsForAnotherPlaceInTheTextAreNotCounted()
    {
        var pace = new SequenceDrafts(DraftSource.DraftModel);
        pace.Begin(10);
        pace.Add(7, 0);
        var before = pace.FirstAccepted;
        pace.Settle(11, accepted: 0, next: 8);
        Assert.Equal(before, pace.FirstAccepted);
    }

    [Fact]
    public void AnUnprofitableDraftModelIsAskedEverMoreRarely()
    {
        var pace = new SequenceDrafts(DraftSource.DraftModel);
        var asked = Enumerable.Range(0, 1000).Where(_ => pace.IsDraftDue(isWorthwhile: false)).ToArray();
        Assert.Equal([127, 383, 895], asked);
        Assert.True(pace.IsDraftDue(isWorthwhile: true));
        Assert.Equal(127, Enumerable.Range(0, 200).First(_ => pace.IsDraftDue(isWorthwhile: false)));
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
        var pace = new SequenceDrafts(DraftSource.PromptLookup);
        var forecast = new StepForecast(times);
        var (time, drafted) = (0.0, 0);
        for (var at = prompt + 1; at < text.Length;)
        {
            times.Tick(again: true);
            forecast.Begin(1);
            pace.Begin(at);
            var drafts = new int[Math.Min(16, text.Length - at - 1)];
            var match = drafts.Length == 0 ? 0 : PromptLookup.Find(text.AsSpan(0, at), 2, drafts);
            for (var i = 0; match > 0 && i < drafts.Length; i++)
            {
                pace.Add(drafts[i], SequenceDrafts.KindOfMatch(match + i));
            }

            var tried = forecast.AddWorthwhile(pace.Chain);
            var accepted = 0;
            while (accepted < tried && drafts[accepted] == text[at + accepted])
            {
                accepted++;
            }

            var cost = 1 + tried <= machine.Length ? machine[tried] : machine[^1] * (1 + tried) / machine.Length;
            times.Record(1 + tried, cost);
            time += cost;
            drafted += tried;
            pace.Settle(at, accepted, text[at + accepted]);
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
