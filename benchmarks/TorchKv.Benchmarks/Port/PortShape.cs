namespace TorchKv.Benchmarks.Port;

/// <summary>What is measured as one row of the table.</summary>
/// <param name="Cache">none, concat, static or paged.</param>
/// <param name="Batch">Sequences.</param>
/// <param name="Prompt">Tokens of each sequence's prompt.</param>
/// <param name="New">Tokens that each sequence generates.</param>
internal readonly record struct PortShape(string Cache, int Batch, int Prompt, int New)
{
    public override string ToString() => $"{Cache}, batch {Batch}";
}
