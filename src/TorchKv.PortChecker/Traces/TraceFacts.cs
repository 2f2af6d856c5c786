namespace TorchKv.PortChecking.Traces;

/// <summary>What a trace's metadata says that helps to name a mistake; null where it does not.</summary>
internal sealed class TraceFacts
{
    public int? Heads { get; set; }

    public int? HeadDim { get; set; }

    public int? Width { get; set; }

    public bool Training { get; set; }

    public int MaxElements { get; set; }

    /// <summary>Class by module name.</summary>
    public Dictionary<string, string> Types { get; } = [];

    /// <summary>Sum and Euclidean norm by parameter name.</summary>
    public Dictionary<string, (double Sum, double Norm)> Parameters { get; } = [];

    /// <summary>The shapes that sampled tensors had.</summary>
    public Dictionary<string, int[]> Sampled { get; } = [];
}
