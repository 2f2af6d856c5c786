using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>Explains the first wrong output of a comparison.</summary>
internal static class Culprit
{
    /// <summary>Finds what the difference at a pair looks like.</summary>
    /// <param name="comparison">The comparison.</param>
    /// <param name="first">The index of its first wrong pair.</param>
    public static Explanation Explain(TraceComparison comparison, int first)
    {
        var pair = comparison.Pairs[first];
        if (pair.PortShape is null)
        {
            return new(new TraceFinding.NoSuchModule());
        }

        if (OtherIds(comparison, pair.Key.Step) is { } ids)
        {
            return new(ids);
        }

        var past = comparison.Pairs.Select(p => p.Key.Step).Distinct()
            .ToDictionary(step => step, comparison.Original.History.Past);
        var timeline = Timeline(comparison, pair);
        if (!ErrorMeasure.AreComparable(pair.Shape, pair.PortShape))
        {
            var shape = ShapeProbe.Explain(pair.Shape, pair.PortShape, past.GetValueOrDefault(pair.Key.Step));
            var rightBefore = pair.Key.Step > 0 && timeline.Exists(t => t.Pair.Key.Step == 0 && t.Within);
            return new(shape, OnlyAfterTheFirstStep: rightBefore && shape is ShapeFinding.Different);
        }

        var explanation = Diagnoser.Explain(MismatchAt(comparison, first, past, timeline));
        return HasRightParts(comparison, first)
            && explanation.Finding.Kind is not (ResemblanceKind.Residual or ResemblanceKind.NotANumber)
            ? explanation with { OwnForwardOf = pair.Key.Module }
            : explanation;
    }

    private static Mismatch MismatchAt(
        TraceComparison comparison,
        int first,
        Dictionary<int, int> past,
        List<(ComparedPair Pair, bool Within)> timeline)
    {
        var (pairs, pair) = (comparison.Pairs, comparison.Pairs[first]);
        var step = pair.Key.Step;
        var facts = Facts(comparison);
        return new Mismatch
        {
            Expected = pair.Expected,
            Actual = pair.Actual with { Shape = pair.Shape },
            Earlier = [.. pairs.Take(first).Where((p, i) => p.Key.Step == step && comparison.Errors[i].Within)],
            Peers = [.. pairs.Where(p => p.Key.Step == step && p.PortKey is not null && p != pair)],
            Timeline = timeline,
            History = module => [.. pairs.Where(p =>
                p.Key.Module == module && p.Key is { Call: 1, Part: null } && p.Key.Step <= step)],
            Past = past,
            Facts = facts,
            ExpectedParameter = name => Find(comparison.Original, name),
            ActualParameter = name => Find(comparison.Port, PortParameter(name, comparison.Names)),
            Type = facts.Types.GetValueOrDefault(pair.Key.Module, ""),
            Root = comparison.Original.Root,
            Noise = comparison.Errors[first].Bound / 5,
        };
    }

    // The same output of the same module in all steps.
    private static List<(ComparedPair Pair, bool Within)> Timeline(TraceComparison comparison, ComparedPair pair) =>
        [.. comparison.Pairs.Zip(comparison.Errors)
            .Where(p => p.First.PortKey is not null && p.First.Key with { Step = pair.Key.Step } == pair.Key)
            .Select(p => (p.First, p.Second.Within))];

    private static bool HasRightParts(TraceComparison comparison, int first)
    {
        var (key, root) = (comparison.Pairs[first].Key, comparison.Original.Root);
        return key.Module != root && comparison.Pairs.Take(first).Any(pair => key.Contains(pair.Key, root));
    }

    // Where neither configuration is known, attention weights tell the number of heads.
    private static TraceFacts Facts(TraceComparison comparison)
    {
        var facts = comparison.Original.Facts.CompletedBy(comparison.Port.Facts);
        var weights = comparison.Pairs.Select(pair => pair.Shape).FirstOrDefault(s => s.Length == 4 && s[1] > 1);
        var heads = facts.Heads ?? weights?[1];
        return facts with { Heads = heads, HeadDim = facts.HeadDim ?? facts.Width / heads };
    }

    private static TraceFinding.OtherIds? OtherIds(TraceComparison comparison, int upTo)
    {
        var (original, port) = (comparison.Original.Steps, comparison.Port.Steps);
        for (var step = 0; step <= upTo && step < original.Count && step < port.Count; step++)
        {
            if (original[step] is { } a && port[step] is { } b
                && !(a.Length == b.Length && a.Zip(b).All(rows => rows.First.AsSpan().SequenceEqual(rows.Second))))
            {
                return new(step, b, a);
            }
        }

        return null;
    }

    private static (double Sum, double Norm)? Find(RecordedTrace trace, string parameter) =>
        trace.Facts.Parameters.TryGetValue(parameter, out var about) ? about : null;

    private static string PortParameter(string name, NameMatch names)
    {
        var dot = name.LastIndexOf('.');
        return dot >= 0 && names.Map(name[..dot]) is [{ } module] ? $"{module}.{name[(dot + 1)..]}" : name;
    }
}
