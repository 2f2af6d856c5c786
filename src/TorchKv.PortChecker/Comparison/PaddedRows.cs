using System.Text.Json;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>
/// The tokens that are padding, by the attention masks that the original was fed. What a model gives there is of no account, and
/// implementations differ in it: a query that sees nothing gives zeros in one, an average in another.
/// </summary>
internal sealed class PaddedRows
{
    private readonly Dictionary<int, bool[][]> byStep = [];

    /// <summary>Null where there is no padding.</summary>
    public static PaddedRows? Read(RecordedTrace trace)
    {
        if (!trace.Metadata.TryGetValue("inputs", out var text) || !text.Contains("attention_mask", StringComparison.Ordinal))
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            var padded = new PaddedRows();
            var step = 0;
            foreach (var inputs in document.RootElement.ValueKind == JsonValueKind.Array ? document.RootElement.EnumerateArray().ToArray() : [])
            {
                if (inputs.ValueKind == JsonValueKind.Object && inputs.TryGetProperty("attention_mask", out var mask) && Rows(mask) is { } rows
                    && step < trace.Steps.Count && trace.Steps[step] is { } ids && ids.Length == rows.Length
                    && rows.Zip(ids).All(row => row.First.Length >= row.Second.Length))
                {
                    // A mask covers the cached tokens too; the step's own are the last.
                    var own = rows.Zip(ids).Select(row => row.First[^row.Second.Length..]).ToArray();
                    if (own.Any(row => row.Contains(true)))
                    {
                        padded.byStep[step] = own;
                    }
                }

                step++;
            }

            return padded.byStep.Count > 0 ? padded : null;
        }
        catch (JsonException error)
        {
            throw new TraceException($"{trace.Name}: \"inputs\" in its metadata is not JSON: {error.Message}", error);
        }
    }

    /// <summary>The port's numbers, with the original's in the place of padding: (batch, tokens, columns) or (batch, heads, tokens, columns).</summary>
    public Activation Hide(Activation original, Activation port)
    {
        if (!byStep.TryGetValue(original.Key.Step, out var padded) || original.Shape.Length is not (3 or 4) || original.Values.Length != port.Values.Length
            || original.Shape[0] != padded.Length || original.Shape[^2] != padded[0].Length || original.Columns != port.Columns)
        {
            return port;
        }

        var values = (float[])port.Values.Clone();
        var tokens = original.Shape[^2];
        var rowsOfBatch = original.Rows / padded.Length;
        for (var row = 0; row < original.Rows; row++)
        {
            if (padded[row / rowsOfBatch][row % tokens])
            {
                original.Row(row).CopyTo(values.AsSpan(row * original.Columns));
            }
        }

        return port with { Values = values };
    }

    private static bool[][]? Rows(JsonElement mask) =>
        mask.ValueKind == JsonValueKind.Array && mask.EnumerateArray().All(row => row.ValueKind == JsonValueKind.Array)
            ? [.. mask.EnumerateArray().Select(row => row.EnumerateArray().Select(IsPadding).ToArray())]
            : null;

    private static bool IsPadding(JsonElement value) =>
        value.ValueKind == JsonValueKind.False || (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number == 0);
}
