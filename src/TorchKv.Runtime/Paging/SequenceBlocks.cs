namespace TorchKv.Runtime.Paging;

/// <summary>
/// The KV blocks of one sequence: its block table and its chain in the prefix index. <see cref="KvBlocks"/> changes
/// them.
/// </summary>
internal sealed class SequenceBlocks
{
    public SequenceBlocks(BlockTable table, PrefixChain chain)
    {
        Table = table;
        Chain = chain;
    }

    /// <summary>The blocks in order.</summary>
    public BlockTable Table { get; set; }

    /// <summary>The full blocks' place in the prefix index.</summary>
    public PrefixChain Chain { get; set; }
}
