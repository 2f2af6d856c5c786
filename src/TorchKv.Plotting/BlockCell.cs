namespace TorchKv.Plotting;

/// <summary>A KV block of the pool.</summary>
/// <param name="State">What it is used for.</param>
/// <param name="Owners">The requests that hold it.</param>
/// <param name="PaintedFor">
/// The requests in whose colours its tokens are drawn: for a cached block the one that held it last.
/// </param>
/// <param name="Tokens">Tokens whose keys and values are in it.</param>
internal sealed record BlockCell(
    BlockState State, IReadOnlyList<BlockOwner> Owners, IReadOnlyList<BlockOwner> PaintedFor, int Tokens);
