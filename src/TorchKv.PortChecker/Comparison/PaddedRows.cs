using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>
/// The tokens that are padding, by the attention masks that the original was given. Models differ in what they compute
/// for them: a query that sees no key gives zeros in one model and an average in another.
/// </summary>
internal sealed class PaddedRows
{
    // Whether each token is one, and not padding, (rows, tokens).
    private readonly Dictionary<int, bool[][]> _byStep = [];

    private PaddedRows()
    {
    }

    /// <summary>Reads the masks of a trace; null where there is no padding.</summary>
    public static PaddedRows? Read(RecordedTrace trace)
    {
        var padded = new PaddedRows();
        for (var step = 0; step < Math.Min(trace.Calls.Count, trace.Steps.Count); step++)
        {
            if (trace.Calls[step].Inputs.GetValueOrDefault("attention_mask") is { } mask
                && trace.Steps[step] is { Length: > 0 } ids
                && AttentionMask.Keys(mask, ids.Length) is { } keys
                && keys.Zip(ids).All(row => row.First.Length >= row.Second.Length))
            {
                // A mask covers the cached tokens too; the step's own are the last.
                var own = keys.Zip(ids, (row, tokens) => row[^tokens.Length..]).ToArray();
                if (Array.Exists(own, row => row.Contains(false)))
                {
                    padded._byStep[step] = own;
                }
            }
        }

        return padded._byStep.Count > 0 ? padded : null;
    }

    /// <summary>Which of an output's rows are padding; null where none is.</summary>
    /// <param name="key">The output.</param>
    /// <param name="shape">Its shape: (batch, tokens, columns) or (batch, heads, tokens, columns).</param>
    /// <param name="rows">The rows in question.</param>
    public bool[]? RowsOf(TraceKey key, int[] shape, int[] rows)
    {
        if (!_byStep.TryGetValue(key.Step, out var padded) || shape.Length is not (3 or 4)
            || shape[0] != padded.Length || shape[^2] != padded[0].Length)
        {
            return null;
        }

        var rowsOfBatch = shape.Length == 4 ? shape[1] * shape[2] : shape[1];
        return Array.ConvertAll(rows, row => !padded[row / rowsOfBatch][row % shape[^2]]);
    }

    /// <summary>The port's numbers, with the original's in the place of padding.</summary>
    public static Activation Hide(bool[] hidden, Activation original, Activation port)
    {
        if (original.Values.Length != port.Values.Length || original.Columns != port.Columns)
        {
            return port;
        }

        var values = (float[])port.Values.Clone();
        for (var row = 0; row < hidden.Length; row++)
        {
            if (hidden[row])
            {
                original.Row(row).CopyTo(values.AsSpan(row * original.Columns));
            }
        }

        return port with { Values = values };
    }
}
