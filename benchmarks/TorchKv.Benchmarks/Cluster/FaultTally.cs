using TorchKv.Benchmarks.Serving;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>Adds up rounds with the same fault, and makes their figures.</summary>
internal sealed class FaultTally(string name)
{
    private readonly List<FaultRound> _rounds = [];

    public void Add(FaultRound round)
    {
        _rounds.Add(round);
        Console.Error.WriteLine(
            $"    {name}, round {_rounds.Count}: {round.Equal}/{round.Answers.Length} equal, {round.Cut.Count()} cut, "
                + $"worst gap {round.Answers.Max(answer => answer.GapAfter(round.HitAt)):0.00} s");
    }

    /// <summary>Whether all streams were whole and equal.</summary>
    public Figure Equal()
    {
        var total = _rounds.Sum(round => round.Answers.Length);
        var equal = _rounds.Sum(round => round.Equal);
        return new Figure(
            $"{name}: share of streams whole and equal",
            (double)equal / total,
            "≥ 1",
            $"{equal} of {total} in {_rounds.Count} rounds, {_rounds.Sum(round => round.Cut.Count())} cut{Why()}");
    }

    /// <summary>The silence of the streams that were cut.</summary>
    public Figure Gap(double limit)
    {
        var gaps = _rounds
            .SelectMany(round => round.Cut.Select(answer => answer.GapAfter(round.HitAt)))
            .Order()
            .ToArray();
        var at = gaps.Length == 0 ? double.NaN : gaps[(int)Math.Ceiling(0.99 * (gaps.Length - 1))];
        return new Figure(
            $"{name}: silence of cut streams, p99, s",
            at,
            FormattableString.Invariant($"≤ {limit:0.##}"),
            gaps.Length == 0 ? "no stream was cut" : $"p50 {gaps[gaps.Length / 2]:0.00} s, worst {gaps[^1]:0.00} s");
    }

    /// <summary>What the streams that fell short say.</summary>
    private string Why()
    {
        var wrong = _rounds
            .SelectMany(round => round.Answers.Select(
                (answer, i) => (Answer: answer, Expected: round.Expected[i], Number: i)))
            .Where(one => !one.Answer.Equals(one.Expected, andUsage: true))
            .Select(one => (one.Answer.Error ?? Difference(one.Answer, one.Expected))
                + " at " + FaultRequests.KindOf(one.Number))
            .GroupBy(text => text)
            .OrderByDescending(group => group.Count())
            .Take(3)
            .Select(group => $"{group.Count()} × {group.Key}");
        var text = string.Join("; ", wrong);
        return text == "" ? "" : $"; {text}";
    }

    private static string Difference(ClusterAnswer answer, ClusterAnswer expected) =>
        answer.Text != expected.Text ? "another text"
        : answer.FinishReason != expected.FinishReason
            ? $"ended with {answer.FinishReason}, not {expected.FinishReason}"
        : $"usage {answer.Usage}, not {expected.Usage}";
}
