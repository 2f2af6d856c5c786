namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// How a panel of bfloat16 weights lies in 12 bits each, without loss. A bfloat16's upper byte is sign and exponent, of which a stretch of
/// trained weights has few; four bits number the fifteen most frequent and zero. Weights with another upper byte are listed apart.
/// </summary>
/// <remarks>
/// A panel is stretches of 128 inputs × 32 outputs, the last one shorter. A stretch begins with 64 bytes: the upper bytes that the codes
/// stand for (16), and up to twelve weights apart, each an <see cref="uint"/> of input (7 bits), output (5) and bfloat16 (16), in the order
/// of inputs, and zeros. Then come units of four inputs (k, k + 1, k + 2, k + 3): 64 bytes of codes, those of k and k + 1 in the lower halves; 64 lower bytes
/// of k and k + 1; 64 of k + 2 and k + 3. Within 64, sixteen bytes are four outputs o … o + 3: each takes two bytes, of o and of o + 16,
/// first for the even input and, eight bytes on, for the odd one. So interleaving codes' bytes with lower bytes inside 128-bit lanes
/// gives bfloat16s in the order in which a shift and a mask make float32 vectors of consecutive outputs, at every width.
/// </remarks>
internal static class CodedPanel
{
    /// <summary>Inputs of a stretch.</summary>
    public const int Stretch = 128;

    /// <summary>Inputs of a unit.</summary>
    public const int Unit = 4;

    /// <summary>Bytes before a stretch's units.</summary>
    public const int HeaderBytes = 64;

    /// <summary>Bytes of codes and lower bytes of four inputs.</summary>
    public const int UnitBytes = 3 * 64;

    /// <summary>Bytes of a whole stretch.</summary>
    public const int StretchBytes = HeaderBytes + (Stretch / Unit * UnitBytes);

    /// <summary>Codes: a stretch's upper bytes, the first of which is zero.</summary>
    public const int Codes = 16;

    /// <summary>Weights that a stretch can list apart.</summary>
    public const int Apart = (HeaderBytes - Codes) / sizeof(uint);

    /// <summary>Bytes of a panel.</summary>
    public static nint Bytes(int inputs) =>
        ((nint)(inputs + Stretch - 1) / Stretch * HeaderBytes) + ((nint)(inputs + Unit - 1) / Unit * UnitBytes);

    /// <summary>Where among a unit's 128 weights that of an input (0 … 3) and an output lies: its lower byte's place, and modulo 64 its code's.</summary>
    public static int Place(int input, int output) =>
        (input / 2 * 64) + ((output & 15) / 4 * 16) + ((input & 1) * 8) + ((output & 3) * 2) + (output / 16);

    /// <summary>A weight apart: its input within the stretch, its output, its bfloat16.</summary>
    public static uint Listed(int input, int output, ushort value) => ((uint)input << 21) | ((uint)output << 16) | value;
}
