namespace TorchKv.PortChecking.Traces;

/// <summary>What a trace's metadata says about the model; null where it does not.</summary>
internal sealed record TraceFacts
{
    /// <summary>The number of attention heads.</summary>
    public int? Heads { get; init; }

    /// <summary>The size of a head.</summary>
    public int? HeadDim { get; init; }

    /// <summary>The size of a token's vector.</summary>
    public int? Width { get; init; }

    /// <summary>Whether the model ran in training mode.</summary>
    public bool Training { get; init; }

    /// <summary>The number of numbers that are kept of a large tensor; 0 for all.</summary>
    public int MaxElements { get; init; }

    /// <summary>The names of all modules, recorded or not; the model itself is the empty name.</summary>
    public IReadOnlyCollection<string> Modules { get; init; } = [];

    /// <summary>Class by module name.</summary>
    public IReadOnlyDictionary<string, string> Types { get; init; } = new Dictionary<string, string>();

    /// <summary>Sum and Euclidean norm by parameter name.</summary>
    public IReadOnlyDictionary<string, (double Sum, double Norm)> Parameters { get; init; } =
        new Dictionary<string, (double Sum, double Norm)>();

    /// <summary>The full shapes of sampled tensors, by key.</summary>
    public IReadOnlyDictionary<string, int[]> Sampled { get; init; } = new Dictionary<string, int[]>();

    /// <summary>
    /// These facts, with sizes and classes that are missing taken from another trace of the same model.
    /// </summary>
    public TraceFacts CompletedBy(TraceFacts other)
    {
        var types = new Dictionary<string, string>(other.Types);
        foreach (var (module, type) in Types)
        {
            types[module] = type;
        }

        return this with
        {
            Heads = Heads ?? other.Heads,
            Width = Width ?? other.Width,
            HeadDim = HeadDim ?? other.HeadDim,
            Types = types,
        };
    }
}
