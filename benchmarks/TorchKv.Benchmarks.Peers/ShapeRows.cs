using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// What the float32 runner keeps under other shapes of work: many sequences, late positions, a busy machine.
/// </summary>
internal sealed class ShapeRows(PeerSet set, Action<PeerRow> tell)
{
    private const int Sequences = 16;

    public void Run(WorkerProcess we, WorkerProcess? llama)
    {
        var tokens = Math.Min(set.Options.Quick ? 20 : 100, set.Files.Config.ContextLength - 8);
        tell(
            new PeerRow(
                "managed bytes per decoded token", "bytes", we.Number($"allocated {tokens}") / tokens) is var row
            ? row with { Aims = [new Aim("", row.Ours, AtLeast: false, 0)] } : row);
        Together(we);
        Positions(we);
        Competitor(we, llama);
    }

    private static double PerSecond(double[] milliseconds) => 1000 / Statistics.Median(milliseconds);

    // A token that waits for another process counts in full: the mean, not the median.
    private static double MeanPerSecond(double[] milliseconds) => 1000 / milliseconds.Average();

    private void Together(WorkerProcess we)
    {
        using var llama = set.Llama("f32", Sequences);
        var rounds = new Rounds();
        var steps = set.Options.Quick ? 8 : 20;
        for (var round = 0; round < (set.Options.Quick ? 3 : 5); round++)
        {
            var both = we.Alternating($"one-and-together {Sequences} {steps}");
            rounds.Add("one", PerSecond(both.First));
            rounds.Add("all", Sequences * PerSecond(both.Second));
            if (llama is not null)
            {
                rounds.Add("ours", Sequences * PerSecond(we.Numbers($"together {Sequences} {steps}")));
                rounds.Add("llama", Sequences * PerSecond(llama.Numbers($"together {Sequences} {steps}")));
            }
        }

        if (llama is not null)
        {
            tell(
                new PeerRow($"{Sequences} sequences together, float32", "tokens/s", rounds.Median("ours"))
                {
                    Other = rounds.Median("llama"),
                    OtherName = "llama.cpp F32",
                    BesidePeer = true,
                    Ratio = rounds.Ratio("ours", "llama"),
                });
        }

        var ratio = rounds.Ratio("all", "one");
        tell(
            new PeerRow($"{Sequences} sequences ÷ one, float32", "tokens/s", rounds.Median("all"))
            {
                Other = rounds.Median("one"),
                OtherName = "one sequence",
                Ratio = ratio,
                Aims = [Aim.Ratio(ratio, 10)],
            });
    }

    private void Positions(WorkerProcess we)
    {
        const int Steps = 16, Early = 10;
        var late = Math.Min(1000, set.Files.Config.ContextLength - Steps);
        var rounds = new Rounds();
        for (var round = 0; round < (set.Options.Quick ? 3 : 5); round++)
        {
            var both = we.Alternating($"early-and-late {Early} {late} {Steps}");
            rounds.Add("early", Statistics.Median(both.First));
            rounds.Add("late", Statistics.Median(both.Second));
        }

        var ratio = rounds.Ratio("late", "early");
        tell(
            new PeerRow($"token at {late:N0} ÷ at {Early}, float32", "ms", rounds.Median("late"))
            {
                Other = rounds.Median("early"),
                OtherName = $"at {Early}",
                Ratio = ratio,
                Aims = [Aim.RatioAtMost(ratio, 1.2)],
            });
    }

    /// <summary>The same decode alone and while another process spins on the last core, in turns.</summary>
    private void Competitor(WorkerProcess we, WorkerProcess? llama)
    {
        var rounds = new Rounds();
        for (var round = 0; round < (set.Options.Quick ? 2 : 5); round++)
        {
            rounds.Add("alone", MeanPerSecond(we.Numbers("decode 4 60")));
            if (llama is not null)
            {
                rounds.Add("llama alone", MeanPerSecond(llama.Numbers("decode 4 60")));
            }

            using var spinner = new SpinningProcess();
            rounds.Add("disturbed", MeanPerSecond(we.Numbers("decode 4 60")));
            if (llama is not null)
            {
                rounds.Add("llama disturbed", MeanPerSecond(llama.Numbers("decode 4 8")));
            }
        }

        var ratio = rounds.Ratio("disturbed", "alone");
        tell(
            new PeerRow("decode beside a spinning process ÷ alone", "tokens/s", rounds.Median("disturbed"))
            {
                Other = rounds.Median("alone"),
                OtherName = "alone",
                Ratio = ratio,
                Aims = [Aim.Ratio(ratio, 0.45)],
            });
        if (llama is not null)
        {
            tell(
                new PeerRow("the same of llama.cpp F32", "tokens/s", rounds.Median("llama disturbed"))
                {
                    Other = rounds.Median("llama alone"),
                    OtherName = "alone",
                    Ratio = rounds.Ratio("llama disturbed", "llama alone"),
                });
        }
    }
}
