using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>
/// A weight matrix in panels of 32 outputs, K-major, and its bias. A matrix of several parts side by side (queries, keys, values)
/// begins each part with a new panel, so that a panel belongs to one part.
/// </summary>
internal sealed unsafe class PackedMatrix
{
    /// <summary>Outputs of a panel.</summary>
    public const int PanelWidth = 32;

    private byte* panels;

    /// <param name="dtype">How weights are kept.</param>
    /// <param name="inputs">K.</param>
    /// <param name="parts">Parts side by side.</param>
    /// <param name="partOutputs">Outputs of one part.</param>
    public PackedMatrix(CpuDType dtype, int inputs, int parts, int partOutputs)
    {
        DType = dtype;
        Inputs = inputs;
        Parts = parts;
        PartOutputs = partOutputs;
        PartPanels = (partOutputs + PanelWidth - 1) / PanelWidth;
        Panels = parts * PartPanels;
        (Group, Offset, var quadBytes) = dtype switch
        {
            CpuDType.Int8 => (Int8Elements.Group, Int8Elements.Offset, Int8Elements.QuadBytes),
            CpuDType.Int4 => (Int4Elements.Group, Int4Elements.Offset, Int4Elements.QuadBytes),
            _ => (1, 0, 0),
        };
        GroupBytes = dtype switch
        {
            CpuDType.Float32 => PanelWidth * sizeof(float),
            CpuDType.BFloat16 => PanelWidth * sizeof(ushort),
            _ => (Group / 4 * quadBytes) + (PanelWidth * sizeof(ushort)),
        };
        Groups = (inputs + Group - 1) / Group;
        PanelBytes = (nint)Groups * GroupBytes;
    }

    public CpuDType DType { get; }

    /// <summary>Whether rows are quantized before they meet it.</summary>
    public bool Quantized => DType is CpuDType.Int8 or CpuDType.Int4;

    public int Inputs { get; }

    public int Parts { get; }

    public int PartOutputs { get; }

    public int PartPanels { get; }

    public int Panels { get; }

    /// <summary>Inputs that share a scale; 1 where there is none.</summary>
    public int Group { get; }

    /// <summary>What stored integers are offset by.</summary>
    public int Offset { get; }

    public int Groups { get; }

    /// <summary>Bytes of a group's weights for 32 outputs, scales included.</summary>
    public int GroupBytes { get; }

    public nint PanelBytes { get; }

    public long Bytes => (long)Panels * PanelBytes;

    /// <summary>(Panels · 32) floats; zeros past a part's outputs.</summary>
    public float* Bias { get; private set; }

    public void Place(byte* panels, float* bias)
    {
        this.panels = panels;
        Bias = bias;
    }

    public byte* Panel(int panel) => panels + (panel * PanelBytes);

    /// <summary>The part that a panel belongs to, its first output within the part, and how many of its 32 outputs there are.</summary>
    public (int Part, int Output, int Count) Outputs(int panel)
    {
        var part = panel / PartPanels;
        var output = (panel - (part * PartPanels)) * PanelWidth;
        return (part, output, Math.Min(PanelWidth, PartOutputs - output));
    }
}
