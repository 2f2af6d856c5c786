namespace TorchKv.Plotting;

/// <summary>A request's block table.</summary>
/// <param name="Owner">The request.</param>
/// <param name="Text">What stands after its name.</param>
/// <param name="Blocks">Its blocks in order.</param>
internal sealed record BlockTableRow(BlockOwner Owner, string Text, IReadOnlyList<int> Blocks);
