using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>The first module that differs, with the outputs around it that may explain the difference.</summary>
internal sealed class Mismatch
{
    /// <summary>The right output, by assumption: the original's, or the port's in a mirrored mismatch.</summary>
    public required Activation Expected { get; init; }

    /// <summary>The wrong output, by assumption, in the shape of <see cref="Expected"/>.</summary>
    public required Activation Actual { get; init; }

    /// <summary>The side that gave <see cref="Actual"/>.</summary>
    public Side ActualSide { get; private init; } = Side.Port;

    /// <summary>The side that gave <see cref="Expected"/>.</summary>
    public Side ExpectedSide => ActualSide.Other();

    /// <summary>The modules of the same step that finished before and are right, in order.</summary>
    public required IReadOnlyList<ComparedPair> Earlier { get; init; }

    /// <summary>The other modules of the same step.</summary>
    public required IReadOnlyList<ComparedPair> Peers { get; init; }

    /// <summary>The same module in all steps, in order, and whether it was right in each.</summary>
    public required IReadOnlyList<(ComparedPair Pair, bool Within)> Timeline { get; init; }

    /// <summary>Gives a module's outputs in this step and the earlier ones, in order.</summary>
    public required Func<string, IReadOnlyList<ComparedPair>> History { get; init; }

    /// <summary>The number of tokens in each row before a step, by step.</summary>
    public required IReadOnlyDictionary<int, int> Past { get; init; }

    /// <summary>What the traces say about the models.</summary>
    public required TraceFacts Facts { get; init; }

    /// <summary>Gives the sum and norm of a parameter of <see cref="ExpectedSide"/>, by the original's name.</summary>
    public required Func<string, (double Sum, double Norm)?> ExpectedParameter { get; init; }

    /// <summary>Gives the sum and norm of a parameter of <see cref="ActualSide"/>, by the original's name.</summary>
    public required Func<string, (double Sum, double Norm)?> ActualParameter { get; init; }

    /// <summary>The module's class; empty where neither trace tells it.</summary>
    public required string Type { get; init; }

    /// <summary>The name of the model's own output.</summary>
    public required string Root { get; init; }

    /// <summary>The root mean square error that rounding alone may leave, as a multiple of the output's.</summary>
    public required double Noise { get; init; }

    /// <summary>The number of tokens in each row before this step.</summary>
    public int PastTokens => Past.GetValueOrDefault(Expected.Key.Step);

    /// <summary>Whether the module was right in the first step and this is a later one.</summary>
    public bool OnlyAfterTheFirstStep =>
        Expected.Key.Step > 0 && Timeline.Any(t => t.Pair.Key.Step == 0 && t.Within);

    /// <summary>Whether the module is right in a later step.</summary>
    public bool RightLater => Timeline.Any(t => t.Pair.Key.Step > Expected.Key.Step && t.Within);

    /// <summary>The root mean square of <see cref="Expected"/>.</summary>
    public double RmsExpected { get; private set; }

    /// <summary>The root mean square of the difference.</summary>
    public double RmsError { get; private set; }

    /// <summary>The number of the block that the module is in, from 0: the first number in its name.</summary>
    public int? Layer => Expected.Key.Module.Split('.')
        .Select(part => int.TryParse(part, out var n) ? n : (int?)null).FirstOrDefault(n => n is not null);

    /// <summary>Computes <see cref="RmsExpected"/> and <see cref="RmsError"/>.</summary>
    public Mismatch Measure()
    {
        RmsExpected = Numbers.Rms(Expected.Values);
        RmsError = Numbers.RmsDifference(Actual.Values, Expected.Values);
        return this;
    }

    /// <summary>The same mismatch with the sides exchanged, because the mistake may be the original's.</summary>
    public Mismatch Mirror()
    {
        return new Mismatch
        {
            Expected = Actual with { Key = Expected.Key },
            Actual = Expected,
            ActualSide = ExpectedSide,
            Earlier = Mirrored(Earlier),
            Peers = Mirrored(Peers),
            Timeline = [.. Timeline.Select(t => (t.Pair.Mirror(), t.Within))],
            History = module => Mirrored(History(module)),
            Past = Past,
            Facts = Facts,
            ExpectedParameter = ActualParameter,
            ActualParameter = ExpectedParameter,
            Type = Type,
            Root = Root,
            Noise = Noise,
        }.Measure();

        static List<ComparedPair> Mirrored(IEnumerable<ComparedPair> pairs) =>
            [.. pairs.Where(pair => pair.PortKey is not null).Select(pair => pair.Mirror())];
    }

    /// <summary>
    /// Whether a hypothesis explains the difference that leaves this root mean square error. It may leave as much as
    /// rounding does, or a fiftieth of the difference, and at most a quarter of the difference.
    /// </summary>
    public bool Explains(double residual) =>
        residual <= Math.Max(RmsError / 50, Noise * RmsExpected) && residual <= RmsError / 4;

    /// <summary>Whether two arrays are the same within rounding.</summary>
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

    /// <summary>Whether one number is beyond the module's bound.</summary>
    public bool IsWrong(int index)
    {
        double expected = Expected.Values[index], actual = Actual.Values[index];
        return !(Math.Abs(actual - expected) <= 5 * Noise * (RmsExpected + Math.Abs(expected)))
            && expected != actual && !(double.IsNaN(expected) && double.IsNaN(actual));
    }

    /// <summary>How many numbers are beyond the module's bound.</summary>
    public int CountWrong() => Enumerable.Range(0, Expected.Values.Length).Count(IsWrong);

    /// <summary>The largest absolute difference.</summary>
    public double WorstDifference()
    {
        var worst = 0.0;
        for (var i = 0; i < Expected.Values.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs((double)Actual.Values[i] - Expected.Values[i]));
        }

        return worst;
    }

    /// <summary>Whether an earlier output has the shape of this one, without leading ones.</summary>
    public bool HasShape(ComparedPair pair) => pair.Shape.AsSpan().TrimStart(1).SequenceEqual(Expected.TrimmedShape);

    /// <summary>
    /// Batch row and position of a row of the output, whose shape is (batch, tokens, columns) or
    /// (batch, heads, tokens, columns).
    /// </summary>
    public (int Batch, int Position) Place(int row)
    {
        var tokens = Expected.Tokens;
        var rowsOfBatch = Expected.Shape.Length >= 4 ? tokens * Expected.Shape[^3] : tokens;
        return (row / rowsOfBatch, (row % tokens) + PastTokens);
    }
}
