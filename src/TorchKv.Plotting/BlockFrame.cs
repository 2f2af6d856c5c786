namespace TorchKv.Plotting;

/// <summary>The pool of KV blocks after a step.</summary>
/// <param name="Step">Which step, from 1.</param>
/// <param name="BlockSize">Tokens that a block has room for.</param>
/// <param name="Blocks">Every block of the pool.</param>
/// <param name="Tables">The block tables.</param>
/// <param name="Events">What happened to blocks in this step, and in those before it since the frame before.</param>
internal sealed record BlockFrame(
    long Step,
    int BlockSize,
    IReadOnlyList<BlockCell> Blocks,
    IReadOnlyList<BlockTableRow> Tables,
    IReadOnlyList<string> Events);
