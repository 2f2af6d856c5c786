using TorchKv.PortChecking.Diagnosis;

namespace TorchKv.PortChecking;

/// <summary>
/// Compares what a port computes with what its original computed, module by module in the order of execution, and says where they
/// part first and what the difference looks like.
/// </summary>
/// <remarks>
/// The first module beyond its bound is the culprit: children finish before their parents, and whatever finished earlier agrees, so
/// what went into it was right.
/// </remarks>
public static partial class PortChecker
{
    /// <summary>Compares two traces.</summary>
    /// <param name="original">The trace of the original.</param>
    /// <param name="port">The trace of the port, run on the same ids.</param>
    /// <param name="options">Bounds and names; null: the defaults.</param>
    /// <exception cref="TraceException">A trace cannot be compared.</exception>
    public static PortCheckReport Compare(RecordedTrace original, RecordedTrace port, PortCheckOptions? options = null)
    {
        options ??= PortCheckOptions.Default;
        var notes = new List<string>();
        var (mapping, proposal) = Names(original, port, options, notes);
        var (pairs, extra) = TracePairing.Pair(original, port, mapping, notes);
        var errors = new List<ModuleError>(pairs.Count);
        var bounds = new double[pairs.Count];
        var firstAt = -1;
        var (step, before) = (-1, 0);
        for (var i = 0; i < pairs.Count; i++)
        {
            var pair = pairs[i];
            (step, before) = pair.Key.Step == step ? (step, before) : (pair.Key.Step, 0);
            var error = ErrorMeasure.Measure(pair, options, before, out bounds[i]);
            errors.Add(error);
            before += error.PortKey is null ? 0 : 1;
            if (firstAt < 0 && error is { Within: false, PortKey: not null })
            {
                firstAt = i;
            }
        }

        // A module that the port lacks cannot matter where something after it, in the same step, is right.
        var unanswered = Enumerable.Range(0, pairs.Count).FirstOrDefault(
            i => errors[i].PortKey is null && pairs[i].Key.Part is null
                && !Enumerable.Range(i + 1, pairs.Count - i - 1).Any(j => pairs[j].Key.Step == pairs[i].Key.Step && errors[j].Within), -1);
        if (unanswered >= 0 && (firstAt < 0 || unanswered < firstAt) && firstAt < 0)
        {
            firstAt = unanswered;
        }

        Notes(original, port, errors, extra, notes);
        var same = firstAt < 0 && errors.Exists(error => error.Within);
        return new PortCheckReport
        {
            Same = same,
            First = firstAt < 0 ? null : errors[firstAt].Key,
            Resemblance = firstAt >= 0 ? Explain(original, port, pairs, errors, bounds, firstAt, mapping)
                : same ? null : new(ResemblanceKind.Missing, "no module of the port has the name of one of the original's"),
            Modules = errors,
            Extra = extra,
            Notes = notes,
            ProposedMapping = proposal,
        };
    }

    private static Resemblance Explain(
        RecordedTrace original, RecordedTrace port, List<ComparedPair> pairs, List<ModuleError> errors, double[] bounds, int firstAt, ModuleMapping mapping)
    {
        var culprit = pairs[firstAt];
        if (culprit.PortShape is null)
        {
            return new(ResemblanceKind.Missing, "the port has no such module, and nothing after it in the step was compared");
        }

        if (DifferentIds(original, port, culprit.Key.Step) is { } ids)
        {
            return new(ResemblanceKind.Inputs, ids);
        }

        var past = PastTokens(original, pairs);
        var timeline = pairs.Zip(errors)
            .Where(p => p.First.PortKey is not null && p.First.Key.Module == culprit.Key.Module && p.First.Key.Call == culprit.Key.Call && p.First.Key.Part == culprit.Key.Part)
            .Select(p => (p.First, p.Second.Within)).ToList();
        if (!ErrorMeasure.Comparable(culprit.Shape, culprit.PortShape))
        {
            return Diagnoser.Shapes(culprit, past.GetValueOrDefault(culprit.Key.Step), culprit.Key.Step > 0 && timeline.Exists(t => t.First.Key.Step == 0 && t.Within));
        }

        var facts = original.Facts;
        facts.Heads ??= port.Facts.Heads ?? pairs.Select(pair => pair.Shape).FirstOrDefault(shape => shape.Length == 4 && shape[1] > 1)?[1];
        facts.Width ??= port.Facts.Width;
        facts.HeadDim ??= port.Facts.HeadDim ?? (facts is { Heads: > 0, Width: > 0 } ? facts.Width / facts.Heads : null);
        foreach (var (module, type) in port.Facts.Types)
        {
            facts.Types.TryAdd(module, type);
        }

        var scene = new Scene
        {
            Expected = culprit.Expected,
            Actual = culprit.Actual with { Shape = culprit.Shape },
            Earlier = [.. Enumerable.Range(0, firstAt).Where(i => pairs[i].Key.Step == culprit.Key.Step && errors[i].Within).Select(i => pairs[i])],
            Peers = [.. pairs.Where(pair => pair.Key.Step == culprit.Key.Step && pair.PortKey is not null && pair != culprit)],
            Timeline = timeline,
            History = module => [.. pairs.Where(pair => pair.Key.Module == module && pair.Key is { Call: 1, Part: null } && pair.Key.Step <= culprit.Key.Step)],
            Past = past,
            Facts = facts,
            Type = facts.Types.GetValueOrDefault(culprit.Key.Module, ""),
            Root = original.Root,
            Noise = bounds[firstAt] / 5,
        };
        var found = Diagnoser.Explain(
            scene,
            name => original.Facts.Parameters.TryGetValue(name, out var about) ? about : null,
            name => port.Facts.Parameters.TryGetValue(PortParameter(name, mapping), out var about) ? about : null);
        var children = Enumerable.Range(0, firstAt).Where(i => culprit.Key.Contains(pairs[i].Key, original.Root) && culprit.Key.Module != original.Root).ToArray();
        return children.Length > 0 && found.Kind is not (ResemblanceKind.Residual or ResemblanceKind.NotANumber)
            ? found with { Text = found.Text + $"; its parts are right, so it is in {culprit.Key.Module}'s own forward" }
            : found;
    }

    private static string PortParameter(string name, ModuleMapping mapping)
    {
        var dot = name.LastIndexOf('.');
        var module = dot < 0 ? name : name[..dot];
        return mapping.Map(module) is [var one] && dot >= 0 ? $"{one}.{name[(dot + 1)..]}" : name;
    }

    private static (ModuleMapping Mapping, ModuleMapping? Proposal) Names(RecordedTrace original, RecordedTrace port, PortCheckOptions options, List<string> notes)
    {
        if (options.Mapping is { } given)
        {
            return (given, null);
        }

        var plain = ModuleMapping.FromPairs([]);
        var modules = original.Order.Select(key => key.Module).Where(module => module != original.Root).Distinct().ToArray();
        var names = port.Order.Select(key => key.Module).ToHashSet();
        var missing = modules.Where(module => !names.Contains(module)).ToArray();
        if (missing.Length == 0)
        {
            return (plain, null);
        }

        if (modules.Count(module => ModuleMapping.HuggingFaceGpt2.Map(module).All(names.Contains)) > modules.Length - missing.Length
            && missing.Any(module => module.Contains("attn.c_attn", StringComparison.Ordinal)))
        {
            notes.Add("HuggingFace's names for GPT-2 were taken for the port's (transformer.h.0.attn.c_attn is W_query, W_key and W_value together, and so on)");
            return (ModuleMapping.HuggingFaceGpt2, null);
        }

        if (missing.Length * 2 <= modules.Length)
        {
            return (plain, null);
        }

        var pairs = MappingProposal.Align(Shapes(original), Shapes(port));
        if (pairs.Count == 0)
        {
            return (plain, null);
        }

        notes.Add($"{missing.Length} of {modules.Length} names are not in the port; {pairs.Count} modules were paired by shape and order (see the proposed mapping)");
        return (ModuleMapping.FromPairs(pairs), MappingProposal.Generalise(pairs));

        static List<(string, int[])> Shapes(RecordedTrace trace) =>
            [.. trace.Order.Where(key => key is { Step: 0, Call: 1, Part: null } && key.Module != trace.Root).Select(key => (key.Module, trace.ShapeOf(key)))];
    }

    private static string? DifferentIds(RecordedTrace original, RecordedTrace port, int upTo)
    {
        for (var step = 0; step <= upTo && step < original.Steps.Count && step < port.Steps.Count; step++)
        {
            var (a, b) = (original.Steps[step], port.Steps[step]);
            if (a is not null && b is not null && !(a.Length == b.Length && a.Zip(b).All(rows => rows.First.AsSpan().SequenceEqual(rows.Second))))
            {
                return $"other input ids: in step {step} the port was fed {Show(b)} and the original {Show(a)}";
            }
        }

        return null;

        static string Show(long[][] rows) => rows.Length == 0 ? "nothing"
            : "[" + string.Join(", ", rows[0].Take(8)) + (rows[0].Length > 8 ? ", …]" : "]") + (rows.Length > 1 ? $" and {rows.Length - 1} more rows" : "");
    }

    // Tokens before each step: what was fed, or, where ids were not recorded, the rows of the first module's outputs.
    private static Dictionary<int, int> PastTokens(RecordedTrace original, List<ComparedPair> pairs)
    {
        var past = new Dictionary<int, int>();
        var total = 0;
        foreach (var step in pairs.Select(pair => pair.Key.Step).Distinct().Order())
        {
            past[step] = total;
            var ids = step < original.Steps.Count ? original.Steps[step] : null;
            total += ids is { Length: > 0 } ? ids[0].Length
                : pairs.First(pair => pair.Key.Step == step).Shape is { Length: >= 2 } shape ? shape[^2] : 0;
        }

        // Without a cache each step begins at position 0: then its queries see no more keys than it has tokens.
        var weights = pairs.Where(pair => pair.Shape.Length == 4 && past[pair.Key.Step] > 0).ToArray();
        if (weights.Length > 0 && Array.TrueForAll(weights, pair => pair.Shape[^1] == pair.Shape[^2] && pair.Shape[^1] >= past[pair.Key.Step]))
        {
            foreach (var step in past.Keys)
            {
                past[step] = 0;
            }
        }

        return past;
    }

    private static void Notes(RecordedTrace original, RecordedTrace port, List<ModuleError> errors, IReadOnlyList<string> extra, List<string> notes)
    {
        if (original.Facts.Training || port.Facts.Training)
        {
            notes.Add($"{(original.Facts.Training ? "the original" : "the port")} ran in training mode, where dropout is random; call eval() first");
        }

        var missing = errors.Where(error => error.PortKey is null).Select(error => error.Key).ToArray();
        if (missing.Length > 0)
        {
            notes.Add($"{missing.Length} outputs of the original have no counterpart in the port: {Some(missing)}");
        }

        if (extra.Count > 0)
        {
            notes.Add($"{extra.Count} outputs of the port have no counterpart in the original: {Some(extra)}");
        }

        static string Some(IReadOnlyList<string> keys) => string.Join(", ", keys.Take(4)) + (keys.Count > 4 ? ", …" : "");
    }
}
