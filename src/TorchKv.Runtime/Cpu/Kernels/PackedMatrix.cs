namespace TorchKv.Runtime.Cpu.Kernels;

/// <summary>
/// A weight matrix in panels of 32 outputs, each a run of groups of inputs in order of k, and its bias. A matrix of several parts side by
/// side (queries, keys, values) begins each part with a new panel, so that a panel belongs to one part; the outputs that its last panel lacks
/// have weights of zero.
/// </summary>
internal sealed unsafe class PackedMatrix
{
    /// <summary>Outputs of a panel.</summary>
    public const int PanelWidth = 32;

    private byte* panels;
    private volatile bool misfit;

    /// <param name="format">How weights are kept.</param>
    /// <param name="inputs">K.</param>
    /// <param name="parts">Parts side by side.</param>
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

    public WeightFormat Format { get; private set; }

    /// <summary>Whether rows are quantized before they meet it.</summary>
    public bool Quantized => Format is WeightFormat.Int8 or WeightFormat.Int6 or WeightFormat.Int4;

    public int Inputs { get; }

    public int Parts { get; }

    public int PartOutputs { get; }

    public int PartPanels { get; }

    public int Panels { get; }

    /// <summary>Inputs that are packed together: those that share a scale, or codes; 1 where nothing is shared.</summary>
    public int Group { get; private set; }

    /// <summary>What stored integers are offset by; 0 where weights are floats.</summary>
    public int Offset { get; private set; }

    /// <summary>Groups of a panel, the last of which may be short of inputs.</summary>
    public int Groups { get; private set; }

    /// <summary>Bytes of a whole group's weights for 32 outputs, with the scales or codes that they share.</summary>
    public int GroupBytes { get; private set; }

    /// <summary>Bytes of a panel. A last group that is short takes less where groups share codes, and is filled up with zeros where they share scales.</summary>
    public nint PanelBytes { get; private set; }

    public long Bytes => (long)Panels * PanelBytes;

    /// <summary>Bytes to keep room for, whichever format it ends up in.</summary>
    public long MostBytes => Format == WeightFormat.CodedBFloat16
        ? Math.Max(Bytes, (long)Panels * Inputs * PanelWidth * sizeof(ushort))
        : Bytes;

    /// <summary>Whether some of the weights do not fit the format, so that the matrix has to be packed again (<see cref="FallBack"/>).</summary>
    public bool Misfit
    {
        get => misfit;
        set => misfit = value;
    }

    /// <summary>(Panels · 32) floats; zeros past a part's outputs.</summary>
    public float* Bias { get; private set; }

    /// <param name="panels">Room for <see cref="MostBytes"/>.</param>
    /// <param name="bias">See <see cref="Bias"/>.</param>
    public void Place(byte* panels, float* bias)
    {
        this.panels = panels;
        Bias = bias;
    }

    /// <summary>Takes the format that fits every weight, in the same place; all of it has to be packed again.</summary>
    public void FallBack()
    {
        SetFormat(WeightFormat.BFloat16);
        misfit = false;
    }

    public byte* Panel(int panel) => panels + (panel * PanelBytes);

    /// <summary>The part that a panel belongs to, its first output within the part, and how many of its 32 outputs there are.</summary>
    public (int Part, int Output, int Count) Outputs(int panel)
    {
        var part = panel / PartPanels;
        var output = (panel - (part * PartPanels)) * PanelWidth;
        return (part, output, Math.Min(PanelWidth, PartOutputs - output));
    }

    private void SetFormat(WeightFormat format)
    {
        Format = format;
        (Group, Offset, GroupBytes) = format switch
        {
            WeightFormat.Float32 => (1, 0, PanelWidth * sizeof(float)),
            WeightFormat.BFloat16 => (1, 0, PanelWidth * sizeof(ushort)),
            WeightFormat.CodedBFloat16 => (CodedPanel.Stretch, 0, CodedPanel.StretchBytes),
            WeightFormat.Int8 => (Int8Elements.Group, Int8Elements.Offset, QuantizedMatMul.GroupBytes<Int8Elements>()),
            WeightFormat.Int6 => (Int6Elements.Group, Int6Elements.Offset, QuantizedMatMul.GroupBytes<Int6Elements>()),
            WeightFormat.Int4 => (Int4Elements.Group, Int4Elements.Offset, QuantizedMatMul.GroupBytes<Int4Elements>()),
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "not a format"),
        };
        Groups = (Inputs + Group - 1) / Group;
        PanelBytes = format == WeightFormat.CodedBFloat16 ? CodedPanel.Bytes(Inputs) : (nint)Groups * GroupBytes;
    }
}
