using System.Text.Json;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>
/// The tokens that are padding, by the attention masks that the original was given. Models differ in what they compute
/// for them: a query that sees no key gives zeros in one model and an average in another.
/// </summary>
internal sealed class PaddedRows
{
    private readonly Dictionary<int, bool[][]> _byStep = [];

    /// <summary>Reads the masks of a trace; null where there is no padding.</summary>
    /// <exception cref="TraceException">The trace's inputs are not JSON.</exception>
    public static PaddedRows? Read(RecordedTrace trace)
    {
        if (trace.Metadata.GetValueOrDefault("inputs") is not { } text
            || !text.Contains("attention_mask", StringComparison.Ordinal))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            var padded = new PaddedRows();
            var inputs = document.RootElement;
            for (var step = 0; inputs.ValueKind == JsonValueKind.Array && step < inputs.GetArrayLength(); step++)
            {
                var ids = step < trace.Steps.Count ? trace.Steps[step] : null;
                if (ids is not null && Mask(inputs[step], ids) is { } mask && mask.Any(row => row.Contains(true)))
                {
                    padded._byStep[step] = mask;
                }
            }

            return padded._byStep.Count > 0 ? padded : null;
        }
        catch (JsonException error)
        {
            throw new TraceException($"{trace.Name}: \"inputs\" in its metadata is not JSON: {error.Message}", error);
        }
    }

    /// <summary>The port's numbers, with the original's in the place of padding.</summary>
    public Activation Hide(Activation original, Activation port)
    {
        // (batch, tokens, columns) or (batch, heads, tokens, columns)
        if (!_byStep.TryGetValue(original.Key.Step, out var padded) || original.Shape.Length is not (3 or 4)
            || original.Values.Length != port.Values.Length || original.Columns != port.Columns
            || original.Shape[0] != padded.Length || original.Tokens != padded[0].Length)
        {
            return port;
        }

        var values = (float[])port.Values.Clone();
        var rowsOfBatch = original.Rows / padded.Length;
        for (var row = 0; row < original.Rows; row++)
        {
            if (padded[row / rowsOfBatch][row % original.Tokens])
            {
                original.Row(row).CopyTo(values.AsSpan(row * original.Columns));
            }
        }

        return port with { Values = values };
    }

    // Whether each token is padding. A mask covers the cached tokens too; the step's own are the last.
    private static bool[][]? Mask(JsonElement inputs, long[][] ids)
    {
        if (inputs.ValueKind != JsonValueKind.Object || !inputs.TryGetProperty("attention_mask", out var mask)
            || mask.ValueKind != JsonValueKind.Array
            || mask.EnumerateArray().Any(row => row.ValueKind != JsonValueKind.Array))
        {
            return null;
        }

        bool[][] rows = [.. mask.EnumerateArray().Select(row => row.EnumerateArray().Select(IsPadding).ToArray())];
        return rows.Length == ids.Length && rows.Zip(ids).All(row => row.First.Length >= row.Second.Length)
            ? [.. rows.Zip(ids).Select(row => row.First[^row.Second.Length..])]
            : null;
    }

    private static bool IsPadding(JsonElement value) => value.ValueKind == JsonValueKind.False
        || (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number == 0);
}
