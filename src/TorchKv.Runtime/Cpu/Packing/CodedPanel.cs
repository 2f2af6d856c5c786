namespace TorchKv.Runtime.Cpu.Packing;

/// <summary>
/// The memory layout of a panel of bfloat16 weights in 12 bits each. Nothing is lost.
/// The upper byte of a bfloat16 is its sign and seven bits of exponent. Trained weights have few different upper bytes,
/// so a code of four bits stands for one of sixteen: zero and the fifteen most frequent ones.
/// A weight with any other upper byte is an outlier; it is stored whole in a list.
/// </summary>
/// <remarks>
/// <para>
/// A panel is a sequence of stretches. A stretch is 128 inputs × 32 outputs; the last one of a panel may be shorter.
/// A stretch begins with a header of 64 bytes: the sixteen upper bytes that the codes stand for, then up to twelve
/// outliers in the order of inputs, then zeros. An outlier is a <see cref="uint"/>: from the top, its input within the
/// stretch (bits 21 and up), its output (5 bits) and its bfloat16 (16 bits).
/// </para>
/// <para>
/// After the header come units of four inputs k, k + 1, k + 2, k + 3. A unit is three times 64 bytes:
/// the codes, those of k and k + 1 in the lower four bits of the bytes and those of k + 2 and k + 3 in the upper four;
/// the lower bytes of the weights of k and k + 1; the lower bytes of the weights of k + 2 and k + 3.
/// </para>
/// <para>
/// Each 64 bytes are four times sixteen; sixteen bytes serve outputs o … o + 3 and o + 16 … o + 19. The first eight
/// belong to the even input: two bytes an output, of o and of o + 16. The other eight belong to the odd input.
/// With this order, interleaving upper and lower bytes inside 128-bit lanes gives pairs of bfloat16s from which a shift
/// and a mask make float32 vectors of consecutive outputs, at every vector width.
/// </para>
/// </remarks>
internal static class CodedPanel
{
    /// <summary>Inputs of a stretch.</summary>
    public const int Stretch = 128;

    /// <summary>Inputs of a unit.</summary>
    public const int Unit = 4;

    /// <summary>Bytes of a stretch's header.</summary>
    public const int HeaderBytes = 64;

    /// <summary>Bytes of a unit: the codes and lower bytes of four inputs.</summary>
    public const int UnitBytes = 3 * 64;

    /// <summary>Bytes of a whole stretch.</summary>
    public const int StretchBytes = HeaderBytes + (Stretch / Unit * UnitBytes);

    /// <summary>Codes, one byte of the header each. Code 0 stands for the upper byte zero.</summary>
    public const int Codes = 16;

    /// <summary>The most outliers that a stretch can list.</summary>
    public const int MaxOutliers = (HeaderBytes - Codes) / sizeof(uint);

    /// <summary>Bytes of a panel with a number of inputs.</summary>
    public static nint Bytes(int inputs) =>
        ((nint)(inputs + Stretch - 1) / Stretch * HeaderBytes) + ((nint)(inputs + Unit - 1) / Unit * UnitBytes);

    /// <summary>
    /// The place of a weight among the 128 of its unit, by its input (0 … 3) and output (0 … 31).
    /// Its lower byte lies at that index, its code at that index modulo 64.
    /// </summary>
    public static int Place(int input, int output) =>
        (input / 2 * 64) + ((output & 15) / 4 * 16) + ((input & 1) * 8) + ((output & 3) * 2) + (output / 16);

    /// <summary>Packs an outlier: its input within the stretch, its output, its bfloat16.</summary>
    public static uint Outlier(int input, int output, ushort value) =>
        ((uint)input << 21) | ((uint)output << 16) | value;
}
