namespace TorchKv.Runtime.Checkpoints;

/// <summary>Sizes and names of <see cref="TensorDType"/>.</summary>
public static class TensorDTypes
{
    // By the enum's order: safetensors' name, PyTorch's name, bytes of an element.
    private static readonly (string Safetensors, string Torch, int Bytes)[] Known =
    [
        ("F32", "float32", 4), ("F16", "float16", 2), ("BF16", "bfloat16", 2), ("F64", "float64", 8),
        ("BOOL", "bool", 1), ("U8", "uint8", 1), ("I8", "int8", 1), ("U16", "uint16", 2), ("I16", "int16", 2),
        ("U32", "uint32", 4), ("I32", "int32", 4), ("U64", "uint64", 8), ("I64", "int64", 8),
        ("F8_E5M2", "float8_e5m2", 1), ("F8_E4M3", "float8_e4m3fn", 1),
    ];

    /// <summary>Bytes of one element.</summary>
    public static int ByteSize(this TensorDType dtype) => Known[(int)dtype].Bytes;

    /// <summary>The name in a safetensors header (<c>F32</c>).</summary>
    public static string SafetensorsName(this TensorDType dtype) => Known[(int)dtype].Safetensors;

    /// <summary>PyTorch's name (<c>float32</c>), which <c>config.json</c> uses too.</summary>
    public static string TorchName(this TensorDType dtype) => Known[(int)dtype].Torch;

    internal static bool TryParse(ReadOnlySpan<char> safetensorsName, out TensorDType dtype)
    {
        for (var i = 0; i < Known.Length; i++)
        {
            if (safetensorsName.SequenceEqual(Known[i].Safetensors))
            {
                dtype = (TensorDType)i;
                return true;
            }
        }

        dtype = default;
        return false;
    }
}
