using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>The first module that differs and everything around it that may explain how.</summary>
internal sealed class Scene
{
    public required Activation Expected { get; init; }

    public required Activation Actual { get; init; }

    /// <summary>How <see cref="Actual"/>'s side is called.</summary>
    public string Port { get; private init; } = "the port";

    /// <summary>How <see cref="Expected"/>'s side is called.</summary>
    public string Original { get; private init; } = "the original";

    /// <summary>The modules of the same step that finished before and are within their bounds, in order.</summary>
    public required IReadOnlyList<ComparedPair> Earlier { get; init; }

    /// <summary>The other modules of the same step.</summary>
    public required IReadOnlyList<ComparedPair> Peers { get; init; }

    /// <summary>The same module in every step, by step, with whether it was within its bound.</summary>
    public required IReadOnlyList<(ComparedPair Pair, bool Within)> Timeline { get; init; }

    /// <summary>A module's calls in this step and the ones before, in order.</summary>
    public required Func<string, IReadOnlyList<ComparedPair>> History { get; init; }

    /// <summary>Tokens fed before each step, per row.</summary>
    public required IReadOnlyDictionary<int, int> Past { get; init; }

    public required TraceFacts Facts { get; init; }

    /// <summary>The module's class where either trace says it, else an empty string.</summary>
    public required string Type { get; init; }

    public required string Root { get; init; }

    /// <summary>Root mean square that rounding alone may leave, as a multiple of the original's.</summary>
    public required double Noise { get; init; }

    public int PastTokens => Past.GetValueOrDefault(Expected.Key.Step);

    /// <summary>Right in the first step, and this is a later one.</summary>
    public bool OnlyAfterTheFirstStep => Expected.Key.Step > 0 && Timeline.Any(t => t.Pair.Key.Step == 0 && t.Within);

    /// <summary>Right in a later step although wrong in this one.</summary>
    public bool RightLater => Timeline.Any(t => t.Pair.Key.Step > Expected.Key.Step && t.Within);

    public double RmsExpected { get; private set; }

    public double RmsError { get; private set; }

    public Scene Measure()
    {
        RmsExpected = Numbers.Rms(Expected.Values);
        RmsError = Numbers.RmsDifference(Actual.Values, Expected.Values);
        return this;
    }

    /// <summary>The same with the two sides exchanged: the mistake may as well be the original's, or the trace's.</summary>
    public Scene Mirror()
    {
        List<ComparedPair> Turned(IEnumerable<ComparedPair> pairs) => [.. pairs.Where(pair => pair.PortKey is not null).Select(pair => pair.Mirror())];
        return new Scene
        {
            Expected = Actual with { Key = Expected.Key },
            Actual = Expected,
            Port = Original,
            Original = Port,
            Earlier = Turned(Earlier),
            Peers = Turned(Peers),
            Timeline = [.. Timeline.Select(t => (t.Pair.Mirror(), t.Within))],
            History = module => Turned(History(module)),
            Past = Past,
            Facts = Facts,
            Type = Type,
            Root = Root,
            Noise = Noise,
        }.Measure();
    }

    /// <summary>
    /// Whether a hypothesis that leaves this root mean square between itself and the port explains the difference: it leaves what
    /// rounding leaves, or a fiftieth, and in any case much less than there is to explain.
    /// </summary>
    public bool Explains(double residual) =>
        residual <= Math.Max(RmsError / 50, Noise * RmsExpected) && residual <= RmsError / 4;

    /// <summary>Whether two arrays are the same but for rounding.</summary>
    public bool Equal(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        if (a.Length != b.Length)
        {
            return false;
        }

        var bound = 8 * Noise * Math.Max(Numbers.Rms(a), 1e-30);
        for (var i = 0; i < a.Length; i++)
        {
            if (!(Math.Abs((double)a[i] - b[i]) <= bound + (8 * Noise * Math.Abs(a[i]))))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A module's name for a sentence: without the step.</summary>
    public static string Name(TraceKey key) => key.Call == 1 ? key.Module : $"{key.Module} (call {key.Call})";

    /// <summary>The number of the block that holds the module, counted from 0: the first number in its name.</summary>
    public int? Layer => Expected.Key.Module.Split('.').Select(part => int.TryParse(part, out var n) ? n : (int?)null).FirstOrDefault(n => n is not null);

    /// <summary>Batch row and position of a row of the output; shapes are (batch, tokens, columns) or (batch, heads, tokens, columns).</summary>
    public (int Batch, int Position) Place(int row)
    {
        var tokens = Expected.Shape.Length >= 2 ? Expected.Shape[^2] : 1;
        var rowsOfBatch = Expected.Shape.Length >= 4 ? tokens * Expected.Shape[^3] : tokens;
        return (row / rowsOfBatch, (row % tokens) + PastTokens);
    }
}
