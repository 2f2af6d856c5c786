namespace TorchKv.Runtime.Cpu.Packing;

/// <summary>
/// A weight matrix and its bias. The weights are packed in panels of 32 outputs; a panel is a sequence of groups of
/// inputs, in order of k. A matrix may have several parts (queries, keys, values). Each part begins with a new panel,
/// so a panel belongs to one part; its outputs past the end of the part have weights of zero.
/// </summary>
internal sealed unsafe class PackedMatrix
{
    /// <summary>Outputs of a panel.</summary>
    public const int PanelWidth = 32;

    private byte* _panels;
    private volatile bool _needsWiderFormat;

    /// <param name="format">The storage format of the weights.</param>
    /// <param name="inputs">Inputs (K).</param>
    /// <param name="parts">Parts, such as queries, keys and values.</param>
    /// <param name="partOutputs">Outputs of one part.</param>
    public PackedMatrix(WeightFormat format, int inputs, int parts, int partOutputs)
    {
        Inputs = inputs;
        Parts = parts;
        PartOutputs = partOutputs;
        PartPanels = (partOutputs + PanelWidth - 1) / PanelWidth;
        Panels = parts * PartPanels;
        SetFormat(format);
    }

    /// <summary>The storage format of the weights.</summary>
    public WeightFormat Format { get; private set; }

    /// <summary>Whether weights are integers with scales; the rows to multiply must then be quantized too.</summary>
    public bool Quantized => Format is WeightFormat.Int8 or WeightFormat.Int6 or WeightFormat.Int4;

    /// <summary>Inputs (K).</summary>
    public int Inputs { get; }

    /// <summary>Parts, such as queries, keys and values.</summary>
    public int Parts { get; }

    /// <summary>Outputs of one part.</summary>
    public int PartOutputs { get; }

    /// <summary>Panels of one part.</summary>
    public int PartPanels { get; }

    /// <summary>Panels of all parts.</summary>
    public int Panels { get; }

    /// <summary>Inputs that are packed together because they share a scale or codes; 1 if nothing is shared.</summary>
    public int Group { get; private set; }

    /// <summary>The number added to every integer weight before it is stored; 0 if weights are floats.</summary>
    public int Offset { get; private set; }

    /// <summary>Groups of a panel. The last one may have fewer inputs.</summary>
    public int Groups { get; private set; }

    /// <summary>Bytes of a whole group: the weights of 32 outputs and the scales or codes that they share.</summary>
    public int GroupBytes { get; private set; }

    /// <summary>
    /// Bytes of a panel. If the last group has fewer inputs, it is shorter in <see cref="WeightFormat.CodedBFloat16"/>
    /// and filled with zeros in the integer formats.
    /// </summary>
    public nint PanelBytes { get; private set; }

    /// <summary>Bytes of all panels.</summary>
    public long Bytes => (long)Panels * PanelBytes;

    /// <summary>
    /// Bytes to reserve for the panels. They suffice for the present format and for <see cref="UseBFloat16"/>.
    /// </summary>
    public long MostBytes => Format == WeightFormat.CodedBFloat16
        ? Math.Max(Bytes, (long)Panels * Inputs * PanelWidth * sizeof(ushort))
        : Bytes;

    /// <summary>
    /// Whether some weights do not fit <see cref="WeightFormat.CodedBFloat16"/>. The packed data is then invalid: call
    /// <see cref="UseBFloat16"/> and pack the whole matrix again. Packing threads may set this at the same time.
    /// </summary>
    public bool NeedsWiderFormat
    {
        get => _needsWiderFormat;
        set => _needsWiderFormat = value;
    }

    /// <summary>(Panels · 32) floats; zero past the outputs of a part.</summary>
    public float* Bias { get; private set; }

    /// <summary>Sets the memory of the matrix.</summary>
    /// <param name="panels">Memory of <see cref="MostBytes"/> bytes.</param>
    /// <param name="bias">Memory of <see cref="Bias"/>.</param>
    public void Place(byte* panels, float* bias)
    {
        _panels = panels;
        Bias = bias;
    }

    /// <summary>
    /// Changes the format to two bytes a weight, in the same memory. The matrix must be packed again.
    /// </summary>
    public void UseBFloat16()
    {
        SetFormat(WeightFormat.BFloat16);
        _needsWiderFormat = false;
    }

    /// <summary>The first byte of a panel.</summary>
    public byte* Panel(int panel) => _panels + (panel * PanelBytes);

    /// <summary>The outputs of a panel.</summary>
    public PanelOutputs Outputs(int panel)
    {
        var part = panel / PartPanels;
        var output = (panel - (part * PartPanels)) * PanelWidth;
        return new PanelOutputs(part, output, Math.Min(PanelWidth, PartOutputs - output));
    }

    private static (int Group, int Offset, int GroupBytes) Integers(int group, int offset, int quadBytes) =>
        (group, offset, IntegerPanel.GroupBytes(group, quadBytes));

    private void SetFormat(WeightFormat format)
    {
        Format = format;
        (Group, Offset, GroupBytes) = format switch
        {
            WeightFormat.Float32 => (1, 0, PanelWidth * sizeof(float)),
            WeightFormat.BFloat16 => (1, 0, PanelWidth * sizeof(ushort)),
            WeightFormat.CodedBFloat16 => (CodedPanel.Stretch, 0, CodedPanel.StretchBytes),
            WeightFormat.Int8 => Integers(IntegerPanel.Int8Group, IntegerPanel.Int8Offset, IntegerPanel.Int8QuadBytes),
            WeightFormat.Int6 => Integers(IntegerPanel.Int6Group, IntegerPanel.Int6Offset, IntegerPanel.Int6QuadBytes),
            WeightFormat.Int4 => Integers(IntegerPanel.Int4Group, IntegerPanel.Int4Offset, IntegerPanel.Int4QuadBytes),
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "not a format"),
        };
        Groups = (Inputs + Group - 1) / Group;
        PanelBytes = format == WeightFormat.CodedBFloat16 ? CodedPanel.Bytes(Inputs) : (nint)Groups * GroupBytes;
    }
}
