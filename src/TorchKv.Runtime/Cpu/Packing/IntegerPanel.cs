namespace TorchKv.Runtime.Cpu.Packing;

/// <summary>
/// The memory layout of a panel of integer weights. A panel is a sequence of groups, the inputs that share a scale.
/// A group is its quads, then 32 bfloat16 scales. A quad is four consecutive inputs of all 32 outputs. Weights are
/// stored unsigned: an offset is added to each.
/// </summary>
/// <remarks>
/// <para>Eight bits: a quad is (32 outputs, 4 inputs) bytes.</para>
/// <para>
/// Four bits: a quad is 64 bytes of two outputs each. The first 32 hold outputs 0 … 7 in their lower four bits and
/// 8 … 15 in the upper four, the other 32 hold outputs 16 … 23 and 24 … 31.
/// </para>
/// <para>
/// Six bits: the lower four bits of a weight lie as those of four-bit weights do. Then come 32 bytes of upper two bits:
/// a byte holds those of outputs o, o + 8, o + 16 and o + 24, from its lowest bits up.
/// </para>
/// </remarks>
internal static class IntegerPanel
{
    /// <summary>Inputs that share a scale, of weights of eight bits.</summary>
    public const int Int8Group = 64;

    /// <summary>Bytes of a quad of eight-bit weights.</summary>
    public const int Int8QuadBytes = 128;

    /// <summary>The number added to every eight-bit weight.</summary>
    public const int Int8Offset = 128;

    /// <summary>Inputs that share a scale, of weights of six bits.</summary>
    public const int Int6Group = 64;

    /// <summary>Bytes of a quad of six-bit weights.</summary>
    public const int Int6QuadBytes = 96;

    /// <summary>The number added to every six-bit weight.</summary>
    public const int Int6Offset = 32;

    /// <summary>Inputs that share a scale, of weights of four bits: the smallest group of all formats.</summary>
    public const int Int4Group = 32;

    /// <summary>Bytes of a quad of four-bit weights.</summary>
    public const int Int4QuadBytes = 64;

    /// <summary>The number added to every four-bit weight.</summary>
    public const int Int4Offset = 8;

    /// <summary>Bytes of a group: its weights and scales for 32 outputs.</summary>
    public static int GroupBytes(int group, int quadBytes) =>
        (group / 4 * quadBytes) + (PackedMatrix.PanelWidth * sizeof(ushort));
}
