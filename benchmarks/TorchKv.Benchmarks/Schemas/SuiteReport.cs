using System.Globalization;

namespace TorchKv.Benchmarks.Schemas;

/// <summary>What a suite of schemas came to.</summary>
internal sealed class SuiteReport
{
    /// <summary>Schemas.</summary>
    public int Schemas { get; set; }

    /// <summary>Milliseconds that each compiled schema took, its first mask included.</summary>
    public List<double> CompileTimes { get; } = [];

    /// <summary>Schemas that were refused, with the message.</summary>
    public List<(string Name, string Keyword, string Message)> Refused { get; } = [];

    /// <summary>Valid instances of the compiled schemas.</summary>
    public int Valid { get; set; }

    /// <summary>Those that the constraint does not allow as they are.</summary>
    public List<string> ValidRefused { get; } = [];

    /// <summary>Those that it does not allow in the schema's order either.</summary>
    public List<string> ValidRefusedInOrder { get; } = [];

    /// <summary>Invalid instances of the compiled schemas.</summary>
    public int Invalid { get; set; }

    /// <summary>Those that the constraint allows.</summary>
    public List<string> InvalidAllowed { get; } = [];

    /// <summary>The figures as lines.</summary>
    public IEnumerable<string> Lines()
    {
        var times = CompileTimes.Order().ToArray();
        yield return Text($"schemas {Schemas}, compiled {times.Length} ({Share(times.Length, Schemas)})");
        yield return Text($"invalid instances {Invalid}, allowed {InvalidAllowed.Count}");
        yield return Text(
            $"valid instances {Valid}, refused {ValidRefused.Count} ({Share(ValidRefused.Count, Valid)})");
        yield return Text(
            $"of these refused in the schema's order {ValidRefusedInOrder.Count} ({Share(ValidRefusedInOrder.Count, Valid)})");
        if (times.Length > 0)
        {
            yield return Text(
                $"compile and first mask: p50 {At(0.5):F2} ms, p90 {At(0.9):F2}, p99 {At(0.99):F2}, max {times[^1]:F2}");
        }

        foreach (var group in Refused.GroupBy(refusal => refusal.Keyword).OrderByDescending(group => group.Count()))
        {
            yield return Text($"refused for {group.Key}: {group.Count()}");
        }

        double At(double share) => times[Math.Min(times.Length - 1, (int)(share * times.Length))];
    }

    private static string Share(int part, int whole) => Text($"{(whole == 0 ? 0 : 100.0 * part / whole):F2} %");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
