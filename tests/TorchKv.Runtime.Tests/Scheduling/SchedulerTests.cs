using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Scheduling;
using TorchKv.Testing;

namespace TorchKv.Runtime.Tests.Scheduling;

/// <summary>The scheduler step by step: integer tokens, tiny pools, exact rows and block ids.</summary>
[Trait("speed", "fast")]
public class SchedulerTests
{
    private const int BlockSize = 4;

    private sealed class Bench : IRequestOutput, IIdleBlocks
    {
        private readonly Func<bool>? _release;

        public Bench(int blocks, SchedulingOptions options, Func<bool>? release = null)
        {
            _release = release;
            Pool = new BlockPool(blocks, options.PrefixCaching ? new PrefixIndex(blocks, BlockSize) : null);
            Scheduler = new Scheduler(options, new KvBlocks(Pool, BlockSize), this);
        }

        public BlockPool Pool { get; }

        public Scheduler Scheduler { get; }

        public Dictionary<Request, string> Names { get; } = [];

        public Request Add(
            string name,
            int[] prompt,
            int priority = 0,
            int sequences = 1,
            bool lockstep = false,
            bool scores = false)
        {
            var request = new Request(prompt, this) { Priority = priority, SequencesWanted = sequences, Lockstep = lockstep, ScoresPrompt = scores };
            Names[request] = name;
            Scheduler.Add(request);
            return request;
        }

        /// <summary>Plans a step, says what it runs, and appends token 1 to each row that came to its end.</summary>
        public string Step(int token = 1)
        {
            var plan = Scheduler.Plan();
            var text = Describe(plan);
            Pool.CheckInvariants();
            foreach (var row in plan.Rows.ToArray())
            {
                Scheduler.Complete(row);
                if (row.Logits != LogitsWanted.None && row.Sequence.Table.TokenCount == row.Sequence.Count)
                {
                    row.Sequence.Append(token);
                }
            }

            Pool.CheckInvariants();
            return text;
        }

        public bool TryRelease() => _release?.Invoke() == true;

        void IRequestOutput.Use(in PlannedRow row, Span<float> logits, long now) => throw new NotSupportedException();

        void IRequestOutput.Fail(Exception cause) => throw new NotSupportedException();

        public string Describe(StepPlan plan) => string.Join(" ", plan.Rows.Select(r =>
            $"{Names[r.Sequence.Request]}{(r.Sequence.Index > 0 ? "." + r.Sequence.Index : "")}[{r.Position}..{r.Position + r.Count})"
            + r.Logits switch { LogitsWanted.None => "", LogitsWanted.Last => "!", _ => "*" }));
    }

    private static SchedulingOptions Budget(int tokens, int beside = 1000) =>
        new() { MaxTokensPerStep = tokens, PrefillTokensBesideDecodes = beside, MaxLogitsPerStep = tokens };

    private static int[] Prompt(int start, int count) => [.. Enumerable.Range(start, count)];

    [Fact]
    public void APromptIsComputedInPiecesAndDecodesGoFirst()
    {
        var bench = new Bench(32, Budget(6));
        bench.Add("a", Prompt(10, 3));
        bench.Add("b", Prompt(20, 9));
        Assert.Equal("a[0..3)! b[0..3)", bench.Step());
        Assert.Equal("a[3..4)! b[3..8)", bench.Step());
        Assert.Equal("a[4..5)! b[8..9)!", bench.Step());
        Assert.Equal("a[5..6)! b[9..10)!", bench.Step());
    }

    [Fact]
    public void APromptBesideDecodesTakesNoMoreThanItsShare()
    {
        var bench = new Bench(64, Budget(64, beside: 5));
        bench.Add("a", Prompt(10, 20));
        Assert.Equal("a[0..20)!", bench.Step());
        bench.Add("b", Prompt(50, 13));
        Assert.Equal("a[20..21)! b[0..5)", bench.Step());
        Assert.Equal("a[21..22)! b[5..10)", bench.Step());
        Assert.Equal("a[22..23)! b[10..13)!", bench.Step());
    }

    [Fact]
    public void APrefixHitSharesFullBlocksAndLeavesOneToken()
    {
        var bench = new Bench(16, Budget(64));
        var a = bench.Add("a", Prompt(10, 8));
        Assert.Equal("a[0..8)!", bench.Step());
        var b = bench.Add("b", Prompt(10, 8));
        var c = bench.Add("c", [.. Prompt(10, 8), 99]);
        Assert.Equal("a[8..9)! b[4..8)! c[8..9)!", bench.Step());
        Assert.Equal((0, 4, 8), (a.CachedTokens, b.CachedTokens, c.CachedTokens));
        Assert.Equal([0, 1, 2], a.Leader!.Table.Blocks.ToArray());
        Assert.Equal([0, 3], b.Leader!.Table.Blocks.ToArray()[..2]);
        Assert.Equal([0, 1, 4], c.Leader!.Table.Blocks.ToArray());
        Assert.Equal(12, bench.Scheduler.PrefixHitTokens);
    }

    [Fact]
    public void APrefixSharedByManyRequestsIsComputedOnce()
    {
        var bench = new Bench(64, Budget(64));
        bench.Add("a", [.. Prompt(10, 16), 1]);
        bench.Add("b", [.. Prompt(10, 16), 2]);
        bench.Add("c", [77, 78]);
        bench.Add("d", [.. Prompt(10, 16), 3]);
        Assert.Equal("a[0..17)! c[0..2)!", bench.Step());
        Assert.Equal("a[17..18)! c[2..3)! b[16..17)! d[16..17)!", bench.Step());
    }

    [Fact]
    public void WithoutPrefixCachingEveryPromptIsComputed()
    {
        var bench = new Bench(64, Budget(64) with { PrefixCaching = false });
        bench.Add("a", Prompt(10, 8));
        bench.Add("b", Prompt(10, 8));
        Assert.Equal("a[0..8)! b[0..8)!", bench.Step());
    }

    [Fact]
    public void AnEmptyPoolPreemptsTheLastInRankWhichRecomputes()
    {
        var bench = new Bench(4, Budget(64) with { PrefixCaching = false });
        var a = bench.Add("a", Prompt(10, 4));
        Assert.Equal("a[0..4)!", bench.Step());
        var b = bench.Add("b", Prompt(20, 3));
        Assert.Equal("a[4..5)! b[0..3)!", bench.Step());
        Assert.Equal("a[5..6)! b[3..4)!", bench.Step());
        Assert.Equal("a[6..7)! b[4..5)!", bench.Step());
        Assert.Equal("a[7..8)! b[5..6)!", bench.Step());
        Assert.Equal(0, bench.Pool.FreeCount);
        Assert.Equal("a[8..9)!", bench.Step());
        Assert.Equal(RequestState.Waiting, b.State);
        Assert.Equal((1, 1), (bench.Scheduler.PreemptionCount, bench.Pool.FreeCount));
        bench.Scheduler.EndRequest(a);
        Assert.Equal("b[0..7)!", bench.Step());
        Assert.Equal(8, b.Leader!.Count);
    }

    [Fact]
    public void APreemptedRequestFindsItsOwnFullBlocksAgain()
    {
        var bench = new Bench(6, Budget(64));
        var a = bench.Add("a", Prompt(10, 4));
        var b = bench.Add("b", Prompt(20, 9));
        bench.Step();
        Assert.Equal("a[4..5)! b[9..10)!", bench.Step());
        while (b.State == RequestState.Running)
        {
            bench.Step();
        }

        bench.Scheduler.EndRequest(a);
        Assert.Equal("b[12..14)!", bench.Step());
    }

    [Fact]
    public void ARequestCachedButOneTokenDecodesAtOnce()
    {
        var bench = new Bench(9, Budget(64));
        var a = bench.Add("a", Prompt(10, 8), priority: 1);
        bench.Step();
        var high = bench.Add("high", Prompt(30, 28));
        Assert.Equal("high[0..28)!", bench.Step());
        Assert.Equal(RequestState.Waiting, a.State);
        bench.Scheduler.EndRequest(high);
        Assert.Equal("a[8..9)!", bench.Step());
    }

    [Fact]
    public void ABetterPriorityIsAdmittedFirstAndPreemptsAWorse()
    {
        var bench = new Bench(4, Budget(64) with { PrefixCaching = false });
        bench.Add("low", Prompt(10, 12), priority: 5);
        bench.Step();
        bench.Add("mid", Prompt(20, 8), priority: 3);
        bench.Add("high", Prompt(30, 8), priority: -1);
        Assert.Equal("high[0..8)!", bench.Step());
        Assert.Equal(1, bench.Scheduler.PreemptionCount);
        Assert.Equal(2, bench.Scheduler.WaitingCount);
    }

    [Theory]
    [InlineData(null, 40)]
    [InlineData(4, 9)]
    [InlineData(8, 17)]
    public void ALowPriorityIsServedInTimeWherePrioritiesAge(int? agingSteps, int servedAfter)
    {
        // One sequence at a time, and a request of the better priority comes before each step.
        var bench = new Bench(16, Budget(64) with { MaxRunningSequences = 1, PriorityAgingSteps = agingSteps });
        var low = bench.Add("low", Prompt(10, 4), priority: 2);
        var steps = 0;
        while (low.State == RequestState.Waiting && steps < 40)
        {
            var high = bench.Add("high", Prompt(50, 4));
            bench.Step();
            steps++;
            foreach (var running in bench.Scheduler.Running.Where(r => r != low).ToArray())
            {
                bench.Scheduler.EndRequest(running);
            }
        }

        // Two levels are two periods: a better one that comes after them ranks behind it.
        Assert.Equal(servedAfter, steps);
        Assert.Equal(agingSteps is null, low.State == RequestState.Waiting);
    }

    [Fact]
    public void ALaterBetterPriorityDoesNotPreemptAnAgedRequest()
    {
        var bench = new Bench(4, Budget(64) with { PrefixCaching = false, PriorityAgingSteps = 2 });
        var low = bench.Add("low", Prompt(10, 9), priority: 2);
        for (var i = 0; i < 2; i++)
        {
            bench.Step();
        }

        // Two steps later a request of priority 0 ranks before it, and takes its blocks; five more, and another does
        // not.
        var high = bench.Add("high", Prompt(30, 8));
        Assert.Equal("high[0..8)!", bench.Step());
        Assert.Equal(RequestState.Waiting, low.State);
        bench.Scheduler.EndRequest(high);
        for (var i = 0; i < 3; i++)
        {
            bench.Step();
        }

        bench.Add("later", Prompt(50, 8));
        Assert.StartsWith("low[", bench.Step());
        Assert.Equal((RequestState.Running, 1L), (low.State, bench.Scheduler.PreemptionCount));
    }

    [Fact]
    public void EqualPrioritiesNeverPreemptEachOtherToBeAdmitted()
    {
        var bench = new Bench(4, Budget(64) with { PrefixCaching = false });
        bench.Add("a", Prompt(10, 12));
        bench.Step();
        bench.Add("b", Prompt(20, 8));
        Assert.Equal("a[12..13)!", bench.Step());
        Assert.Equal(0, bench.Scheduler.PreemptionCount);
    }

    [Fact]
    public void AWaitingRequestHoldsNoBlocksAndKeepsItsTurn()
    {
        var bench = new Bench(5, Budget(64));
        var a = bench.Add("a", Prompt(10, 12));
        bench.Step();
        bench.Add("big", [.. Prompt(10, 8), .. Prompt(40, 12)]);
        bench.Add("small", [99]);
        Assert.Equal("a[12..13)!", bench.Step());
        Assert.Equal(4, bench.Pool.HeldCount);
        bench.Scheduler.EndRequest(a);
        Assert.StartsWith("big[8..20)!", bench.Step());
    }

    [Fact]
    public void ShortestPromptFirstLetsShortOnesPass()
    {
        var bench = new Bench(64, Budget(8) with { QueueOrder = QueueOrder.ShortestPromptFirst });
        bench.Add("long", Prompt(10, 9));
        bench.Add("short", Prompt(30, 4));
        Assert.Equal("short[0..4)! long[0..4)", bench.Step());
    }

    [Fact]
    public void SamplesShareThePromptCopyingItsLastBlockOnWrite()
    {
        var bench = new Bench(16, Budget(64));
        var a = bench.Add("a", Prompt(10, 6), sequences: 3);
        bench.Step();
        var leader = a.Leader!;
        for (var i = 0; i < 2; i++)
        {
            var fork = bench.Scheduler.Fork(leader);
            Assert.Equal(7, fork.Count);
        }

        Assert.Equal(2, bench.Pool.HeldCount);
        var plan = bench.Scheduler.Plan();
        Assert.Equal("a[6..7)! a.1[6..7)! a.2[6..7)!", bench.Describe(plan));
        Assert.Equal([new BlockCopy(1, 2), new BlockCopy(1, 3)], plan.Copies.Select(c => c.Copy));
        Assert.Equal([0, 2], leader.Table.Blocks.ToArray());
        Assert.Equal([0, 3], a.Sequences[1].Table.Blocks.ToArray());
        Assert.Equal([0, 1], a.Sequences[2].Table.Blocks.ToArray());
        Assert.Throws<InvalidOperationException>(() => bench.Scheduler.Fork(leader));
        bench.Scheduler.EndRequest(a);
        Assert.Equal(16, bench.Pool.AvailableCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void PreemptedSamplesShareTheirPromptAgain(bool caching)
    {
        var bench = new Bench(10, Budget(64) with { PrefixCaching = caching });
        var high = bench.Add("high", [1], priority: 0);
        bench.Scheduler.EndRequest(high);
        var a = bench.Add("a", Prompt(10, 10), priority: 1, sequences: 3);
        bench.Step();
        bench.Scheduler.Fork(a.Leader!);
        bench.Scheduler.Fork(a.Leader!);
        bench.Step();
        bench.Step();
        var held = bench.Pool.HeldCount;
        high = bench.Add("high", Prompt(50, 36));
        Assert.Equal("high[0..36)!", bench.Step());
        bench.Scheduler.EndRequest(high);
        for (var i = 0; i < 4; i++)
        {
            bench.Step();
        }

        Assert.Equal([2], a.Sequences.Select(s => bench.Pool.HolderCount(s.Table[0]) - 1).Distinct());
        Assert.All(a.Sequences, s => Assert.Equal(1, s.Pending));
        Assert.InRange(bench.Pool.HeldCount, held, held + 3);
    }

    [Fact]
    public void BeamsDecodeTogetherOrNotAtAll()
    {
        var bench = new Bench(64, Budget(3));
        var a = bench.Add("a", Prompt(10, 3), sequences: 2, lockstep: true);
        bench.Step();
        bench.Scheduler.Fork(a.Leader!);
        bench.Add("b", Prompt(20, 2));
        Assert.Equal("a[3..4)! a.1[3..4)! b[0..1)", bench.Step());
        Assert.Equal("a[4..5)! a.1[4..5)! b[1..2)!", bench.Step());
        Assert.Equal("a[5..6)! a.1[5..6)! b[2..3)!", bench.Step());
    }

    [Theory]
    [InlineData(true, 10)]
    [InlineData(false, 10)]
    [InlineData(true, 8)]
    [InlineData(false, 8)]
    public void PreemptedBeamsThatReturnAloneGoOn(bool caching, int prompt)
    {
        var bench = new Bench(12, Budget(64) with { PrefixCaching = caching });
        var a = bench.Add("a", Prompt(10, prompt), priority: 1, sequences: 3, lockstep: true);
        bench.Step();
        bench.Scheduler.Fork(a.Leader!);
        bench.Scheduler.Fork(a.Leader!);
        var high = bench.Add("high", Prompt(50, 44));
        Assert.Equal("high[0..44)!", bench.Step());
        Assert.Equal(RequestState.Waiting, a.State);
        bench.Scheduler.EndRequest(high);

        // Nothing but the beams is there, so every plan has a row of theirs until they all decode together again.
        var together = $"a[{prompt}..{prompt + 1})! a.1[{prompt}..{prompt + 1})! a.2[{prompt}..{prompt + 1})!";
        for (var i = 0; i < 3; i++)
        {
            var step = bench.Step();
            Assert.NotEqual("", step);
            if (step == together)
            {
                return;
            }
        }

        Assert.Fail("The beams did not decode within three steps.");
    }

    [Fact]
    public void AScoredPromptAsksForAllLogitsWithoutCachedBlocks()
    {
        var bench = new Bench(64, Budget(64) with { MaxLogitsPerStep = 5, MaxRunningSequences = 5 });
        bench.Add("a", Prompt(10, 8));
        bench.Step();
        var b = bench.Add("b", Prompt(10, 8), scores: true);
        Assert.Equal("a[8..9)! b[0..4)*", bench.Step());
        b.ScoredCount = 4;
        Assert.Equal("a[9..10)! b[4..8)*", bench.Step());
        b.ScoredCount = 8;
        Assert.Equal("a[10..11)! b[8..9)!", bench.Step());
    }

    [Fact]
    public void DraftsAreVerifiedInOneRowRejectedOnesFreeBlocks()
    {
        var bench = new Bench(16, Budget(64));
        var a = bench.Add("a", Prompt(10, 4));
        bench.Step();
        var sequence = a.Leader!;
        sequence.SetDrafts([1, 2, 3, 4, 5, 6]);
        var plan = bench.Scheduler.Plan();
        Assert.Equal("a[4..11)*", bench.Describe(plan));
        Assert.Equal(3, bench.Pool.HeldCount);
        bench.Scheduler.Complete(plan.Rows[0]);
        sequence.AcceptDraft();
        bench.Scheduler.RejectDrafts(sequence);
        Assert.Equal(2, bench.Pool.HeldCount);
        Assert.Equal((6, 6), (sequence.Count, sequence.Table.TokenCount));
        sequence.Append(9);
        Assert.Equal("a[6..7)!", bench.Step());
        Assert.Equal([10, 11, 12, 13, 1, 1, 9, 1], sequence.Tokens.ToArray());
    }

    [Fact]
    public void RejectedDraftsAreNeverPublished()
    {
        var bench = new Bench(16, Budget(64));
        var a = bench.Add("a", Prompt(10, 4));
        bench.Step();
        a.Leader!.SetDrafts([2, 3, 4, 5]);
        var plan = bench.Scheduler.Plan();
        bench.Scheduler.Complete(plan.Rows[0]);
        Assert.Equal(1, bench.Pool.Prefixes!.PublishedCount);
        bench.Scheduler.RejectDrafts(a.Leader!);
        a.Leader!.Append(7);
        bench.Step();
        Assert.Equal(1, bench.Pool.Prefixes!.PublishedCount);
    }

    [Fact]
    public void DraftsTakeNobodysPlaceInTheStepAndNobodysBlock()
    {
        var bench = new Bench(5, Budget(6));
        var a = bench.Add("a", Prompt(10, 4));
        bench.Step();
        var b = bench.Add("b", Prompt(20, 4));
        bench.Step();
        a.Leader!.SetDrafts([1, 1, 1, 1, 1, 1]);
        b.Leader!.SetDrafts([1, 1]);
        Assert.Equal("a[5..10)* b[4..5)!", bench.Describe(bench.Scheduler.Plan()));
        Assert.Equal(0, bench.Scheduler.PreemptionCount);
    }

    [Fact]
    public void IdleSessionsReturnBlocksBeforeARequestIsPreempted()
    {
        BlockTable? idle = null;
        var bench = new Bench(4, Budget(64), Reclaim);
        idle = new BlockTable(bench.Pool, BlockSize);
        idle.TryReserve(8, out _);
        idle.Advance(8);
        bench.Add("a", Prompt(10, 12));
        Assert.Equal("a[0..12)!", bench.Step());
        Assert.Null(idle);
        Assert.Equal(0, bench.Scheduler.PreemptionCount);

        bool Reclaim()
        {
            idle?.Clear();
            var any = idle is not null;
            idle = null;
            return any;
        }
    }

    [Fact]
    public void RunningSequencesAreCountedWhateverEndsThem()
    {
        var bench = new Bench(64, Budget(64));
        var a = bench.Add("a", Prompt(10, 4), sequences: 3);
        bench.Add("b", Prompt(20, 4));
        bench.Step();
        Assert.Equal(4, bench.Scheduler.RunningSequences);
        bench.Scheduler.Fork(a.Leader!);
        bench.Scheduler.Fork(a.Leader!);
        bench.Scheduler.EndSequence(a.Sequences[1]);
        Assert.Equal(3, bench.Scheduler.RunningSequences);
        bench.Scheduler.EndSequence(a.Sequences[0]);
        bench.Scheduler.EndSequence(a.Sequences[2]);
        Assert.Equal(1, bench.Scheduler.RunningSequences);
        Assert.Equal(RequestState.Finished, a.State);
        Assert.Single(bench.Scheduler.Running);
    }
}
