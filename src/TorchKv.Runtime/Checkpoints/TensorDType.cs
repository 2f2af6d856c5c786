namespace TorchKv.Runtime.Checkpoints;

/// <summary>A tensor's element type in a safetensors file; values are little-endian.</summary>
public enum TensorDType
{
    /// <summary>IEEE 754 single precision (<c>F32</c>).</summary>
    Float32,

    /// <summary>IEEE 754 half precision (<c>F16</c>).</summary>
    Float16,

    /// <summary>The upper half of a float32 (<c>BF16</c>).</summary>
    BFloat16,

    /// <summary>IEEE 754 double precision (<c>F64</c>).</summary>
    Float64,

    /// <summary>One byte, 0 or 1 (<c>BOOL</c>).</summary>
    Bool,

    /// <summary>Unsigned byte (<c>U8</c>).</summary>
    UInt8,

    /// <summary>Signed byte (<c>I8</c>).</summary>
    Int8,

    /// <summary>Unsigned 16-bit integer (<c>U16</c>).</summary>
    UInt16,

    /// <summary>Signed 16-bit integer (<c>I16</c>).</summary>
    Int16,

    /// <summary>Unsigned 32-bit integer (<c>U32</c>).</summary>
    UInt32,

    /// <summary>Signed 32-bit integer (<c>I32</c>).</summary>
    Int32,

    /// <summary>Unsigned 64-bit integer (<c>U64</c>).</summary>
    UInt64,

    /// <summary>Signed 64-bit integer (<c>I64</c>).</summary>
    Int64,

    /// <summary>8-bit float, 5 exponent bits (<c>F8_E5M2</c>).</summary>
    Float8E5M2,

    /// <summary>8-bit float, 4 exponent bits (<c>F8_E4M3</c>).</summary>
    Float8E4M3,
}

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
