using System.Text.Json;
using static TorchSharp.torch;

namespace TorchKv.PortChecking.Traces;

/// <summary>An argument of the original's call: a tensor of integers, booleans or floats.</summary>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="Values">The numbers, row-major; booleans are 0 and 1.</param>
/// <param name="Type">Int64, Bool or Float32.</param>
internal sealed record StepInput(int[] Shape, double[] Values, ScalarType Type)
{
    /// <summary>The argument as a new tensor of its type. The caller disposes it.</summary>
    public Tensor ToTensor(Device? device)
    {
        long[] shape = [.. Shape.Select(size => (long)size)];
        return Type switch
        {
            ScalarType.Int64 => tensor(Array.ConvertAll(Values, value => (long)value), shape, device: device),
            ScalarType.Bool => tensor(Array.ConvertAll(Values, value => value != 0), shape, device: device),
            _ => tensor(Array.ConvertAll(Values, value => (float)value), shape, device: device),
        };
    }

    /// <summary>
    /// Reads nested lists of numbers; null where the lists of one level differ in length, or hold something else.
    /// </summary>
    public static StepInput? Read(JsonElement element)
    {
        var shape = new List<int>();
        for (var inner = element; inner.ValueKind == JsonValueKind.Array; inner = inner[0])
        {
            shape.Add(inner.GetArrayLength());
            if (shape[^1] == 0)
            {
                break;
            }
        }

        var values = new List<double>();
        var type = ScalarType.Bool;
        return Add(element, 0) ? new([.. shape], [.. values], type) : null;

        bool Add(JsonElement item, int depth)
        {
            if (depth < shape.Count)
            {
                return item.ValueKind == JsonValueKind.Array && item.GetArrayLength() == shape[depth]
                    && item.EnumerateArray().All(inner => Add(inner, depth + 1));
            }

            if (item.ValueKind is JsonValueKind.True or JsonValueKind.False)
            {
                values.Add(item.ValueKind == JsonValueKind.True ? 1 : 0);
                return true;
            }

            // Python writes 1.0 for a float and 1 for an integer.
            var isInteger = item.ValueKind == JsonValueKind.Number && item.TryGetInt64(out _);
            type = isInteger && type != ScalarType.Float32 ? ScalarType.Int64 : ScalarType.Float32;
            values.Add(PythonJson.Number(item) ?? double.NaN);
            return PythonJson.Number(item) is not null;
        }
    }
}
