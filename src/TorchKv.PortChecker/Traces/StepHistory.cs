using System.Text.RegularExpressions;

namespace TorchKv.PortChecking.Traces;

/// <summary>
/// Which steps of a run continue the sequences of the steps before, and how many tokens came before each.
/// </summary>
internal sealed partial class StepHistory
{
    private readonly Dictionary<int, Step> _steps = [];

    private StepHistory()
    {
    }

    /// <summary>
    /// Whether a step continues the sequences of the steps before it, or begins new ones; null where the trace does not
    /// tell.
    /// </summary>
    public bool? Continues(int step) => _steps.GetValueOrDefault(step)?.Continues;

    /// <summary>Whether <see cref="Continues"/> is recorded, and not concluded from the outputs.</summary>
    public bool IsCertain(int step) => _steps.GetValueOrDefault(step) is { IsCertain: true };

    /// <summary>
    /// The number of tokens in each row before a step; a step continues where the trace does not tell.
    /// </summary>
    public int Past(int step) => _steps.GetValueOrDefault(step)?.Past ?? 0;

    /// <summary>Reads the history of a run.</summary>
    public static StepHistory Of(RecordedTrace trace)
    {
        var history = new StepHistory();
        var outputs = trace.Order.ToLookup(key => key.Step);
        var steps = Enumerable.Range(0, trace.Steps.Count).Concat(outputs.Select(step => step.Key)).Distinct().Order();
        var positions = trace.Order.FirstOrDefault(IsPositionEmbedding);
        var total = 0;
        foreach (var step in steps)
        {
            var ids = step < trace.Steps.Count ? trace.Steps[step] : null;
            var tokens = ids is { Length: > 0 } ? ids[0].Length : Tokens(trace, outputs[step]);
            var (continues, isCertain) = step == 0
                ? (false, true)
                : trace.Calls.ElementAtOrDefault(step)?.Continues is { } recorded
                    ? (recorded, true)
                    : (Conclude(trace, outputs[step], positions, step, tokens, total), false);
            total = continues == false ? 0 : total;
            history._steps[step] = new(continues, isCertain, total);
            total += tokens;
        }

        return history;
    }

    private static bool? Conclude(
        RecordedTrace trace, IEnumerable<TraceKey> outputs, TraceKey? positions, int step, int tokens, int total)
    {
        var (before, ids) = (trace.Steps.ElementAtOrDefault(step - 1), trace.Steps.ElementAtOrDefault(step));
        if (before is not null && ids is not null && before.Length != ids.Length)
        {
            return false;
        }

        // A mask covers the cached tokens too.
        var mask = trace.Calls.ElementAtOrDefault(step)?.Inputs.GetValueOrDefault("attention_mask");
        if (mask is { Shape: [.., var length] } && total > 0 && (length == tokens || length == total + tokens))
        {
            return length > tokens;
        }

        // The cache that the model returns has the step's tokens and those before it.
        if (outputs.Where(key => IsReturnedCache(trace, key)).Select(trace.FullShapeOf)
            .FirstOrDefault(shape => shape.Length == 4) is { } cache && total > 0
            && (cache[2] == tokens || cache[2] == total + tokens))
        {
            return cache[2] > tokens;
        }

        int? keys = outputs.Where(key => IsWeights(trace, key, tokens)).Select(key => trace.FullShapeOf(key)[3])
            .FirstOrDefault() is > 0 and var count ? count : null;
        if (keys > tokens)
        {
            return true;
        }

        // A run without a cache repeats all tokens in each step, or the last ones that fit the context.
        var restarts = positions is null ? null : Restarts(trace, positions with { Step = step }, positions);
        return keys == tokens ? (restarts is { } restart ? !restart : tokens >= total ? false : null)
            : IsRepeated(before, ids) ? false
            : restarts == false ? true
            : null;
    }

    private static bool IsReturnedCache(RecordedTrace trace, TraceKey key) =>
        key.Module == trace.Root && key.Part is { } part && KeysOfCache().IsMatch(part);

    // Attention weights are (batch, heads, tokens, keys). Sampled rows do not sum to one, so that their name must tell.
    private static bool IsWeights(RecordedTrace trace, TraceKey key, int tokens) =>
        trace.FullShapeOf(key) is { Length: 4 } shape && shape[2] == tokens
        && (trace.Facts.Sampled.ContainsKey(key.ToString())
            ? LastPart(key.Module).Contains("drop", StringComparison.OrdinalIgnoreCase)
            : AttentionWeights.From(trace.Read(key)) is not null);

    // Whether the position embeddings begin with the vector of position 0, as those of the first step do.
    private static bool? Restarts(RecordedTrace trace, TraceKey key, TraceKey first)
    {
        if (first.Step != 0 || !trace.Contains(key))
        {
            return null;
        }

        var (now, then) = (FirstRow(trace, key), FirstRow(trace, first));
        var common = now.Keys.Intersect(then.Keys).ToArray();
        return common.Length == 0 ? null : Array.TrueForAll(common, column => now[column] == then[column]);
    }

    // The numbers of the first row by column, as far as the trace kept them.
    private static Dictionary<int, float> FirstRow(RecordedTrace trace, TraceKey key)
    {
        var output = trace.Read(key);
        var columns = trace.Facts.Sampled.TryGetValue(key.ToString(), out var shape)
            ? TraceSampling.Positions(shape, trace.Facts.MaxElements)?.Columns
            : null;
        return output.Rows == 0 || (columns is not null && columns.Length != output.Columns)
            ? []
            : Enumerable.Range(0, output.Columns).ToDictionary(i => columns?[i] ?? i, i => output.Values[i]);
    }

    private static bool IsPositionEmbedding(TraceKey key) => key is { Call: 1, Part: null }
        && LastPart(key.Module) is var name && (name == "wpe" || name.Contains("pos", StringComparison.Ordinal));

    private static bool IsRepeated(long[][]? before, long[][]? ids) => before is not null && ids is not null
        && before.Zip(ids).All(rows => rows.Second.Length > rows.First.Length
            && rows.Second.AsSpan(0, rows.First.Length).SequenceEqual(rows.First));

    // Where ids were not recorded, the first output tells how many there were.
    private static int Tokens(RecordedTrace trace, IEnumerable<TraceKey> outputs) =>
        outputs.FirstOrDefault() is { } first && trace.FullShapeOf(first) is { Length: >= 2 } shape ? shape[^2] : 0;

    private static string LastPart(string module) => module[(module.LastIndexOf('.') + 1)..];

    // A layer's keys in an output with names, past_key_values.0.k, or in a tuple, 1.0.k. Old caches have 0 for k.
    [GeneratedRegex(@"^(?:past_key_values|\d+)\.\d+\.(?:k|0)$")]
    private static partial Regex KeysOfCache();

    /// <summary>A step.</summary>
    private sealed record Step(bool? Continues, bool IsCertain, int Past);
}
