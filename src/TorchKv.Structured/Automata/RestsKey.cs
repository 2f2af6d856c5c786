namespace TorchKv.Structured.Automata;

/// <summary>A list of expressions that is compared by its content.</summary>
internal readonly struct RestsKey(IEnumerable<RegexNode> nodes) : IEquatable<RestsKey>
{
    public RegexNode[] Nodes { get; } = [.. nodes];

    public bool Equals(RestsKey other) => Nodes.AsSpan().SequenceEqual(other.Nodes);

    public override bool Equals(object? obj) => obj is RestsKey other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var node in Nodes)
        {
            hash.Add(node.Id);
        }

        return hash.ToHashCode();
    }
}
