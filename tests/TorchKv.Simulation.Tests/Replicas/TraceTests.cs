using TorchKv.Simulation.Replicas;

namespace TorchKv.Simulation.Tests.Replicas;

/// <summary>Made-up conversations with the published statistics of the Mooncake traces (blocks of 512 tokens).</summary>
public sealed class TraceTests
{
    private const int BlockSize = 512;

    private static readonly SimulationOptions Engine = new()
    {
        BlockSize = BlockSize,
        BlockCount = 4_096,
        Cost = new StepCost { PerStep = 1e-3, PerToken = 1e-6 },
        Scheduling = new() { MaxTokensPerStep = 8_192, PrefillTokensBesideDecodes = 8_192 },
    };

    private static TraceStatistics Trace(bool isSynthetic)
        => isSynthetic ? TraceStatistics.MooncakeSynthetic : TraceStatistics.MooncakeConversation;

    [Theory]
    [InlineData(false, 12_035, 343, 0.366)]
    [InlineData(true, 15_325, 149, 0.640)]
    public void TheGeneratorHasThePublishedLengthsAndReuse(bool isSynthetic, double prompt, double fresh, double reuse)
    {
        var source = new ChatSource(new ChatOptions { Trace = Trace(isSynthetic), Openings = 1 }, BlockSize, seed: 7);
        var (prompts, generated, known, requests) = (0L, 0L, 0L, 0);
        for (var chat = 0; chat < 40_000; chat++)
        {
            var conversation = source.Begin(0);
            while (conversation.TurnsLeft > 0)
            {
                var before = conversation.HasBegun ? conversation.Length : 0;
                var request = source.Turn(conversation, 0);
                prompts += request.PromptTokens;
                generated += request.NewTokens;
                known += before / BlockSize * BlockSize;
                requests++;
            }
        }

        Assert.Equal(1, (double)prompts / requests / prompt, 0.03);
        Assert.Equal(1, (double)generated / requests / fresh, 0.03);

        // Whole blocks of 512: on average half a block of each earlier text is not reused.
        Assert.Equal(reuse, (double)known / prompts, 0.025);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void IndexAndSessionHashReachThePossibleUnlikeRoundRobin(bool isSynthetic)
    {
        double Hits(RouterKind policy, out double possible)
        {
            var report = ClusterSimulation.Run(new ClusterOptions
            {
                Replicas = 64,
                Kind = ReplicaKind.Flow,
                Engine = Engine,
                Policy = policy,
                Chats = new ChatOptions { Trace = Trace(isSynthetic), Requests = 6_000, RequestsPerSecond = 300, Openings = 1, ThinkSeconds = 0.5 },
            });
            Assert.Equal(6_000, report.Completed);
            possible = report.PossibleHitShare;
            return report.HitShare;
        }

        var prefix = Hits(RouterKind.Prefix, out var possible);
        var session = Hits(RouterKind.SessionHash, out _);
        var roundRobin = Hits(RouterKind.RoundRobin, out _);
        Assert.True(prefix > 0.95 * possible, $"{prefix} of {possible}");
        Assert.True(session > 0.97 * possible, $"{session} of {possible}");
        Assert.True(roundRobin < 0.2 * possible, $"{roundRobin} of {possible}");
    }
}
