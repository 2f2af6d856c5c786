using System.Runtime.InteropServices;
using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Speculation;

/// <summary>The tokens of one sequence in the draft model's cache, and those drafted after them.</summary>
/// <param name="table">The blocks of those that were computed.</param>
internal sealed class DraftCache(BlockTable table)
{
    private readonly List<int> _tokens = [];

    /// <summary>The blocks of the tokens that were computed.</summary>
    public BlockTable Table => table;

    /// <summary>All tokens, drafts included.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>Tokens that are not computed yet.</summary>
    public int Pending => _tokens.Count - table.TokenCount;

    /// <summary>The first tokens that are not computed yet.</summary>
    public int[] Next(int count) => Tokens.Slice(table.TokenCount, count).ToArray();

    /// <summary>Adds a draft.</summary>
    public void Add(int token) => _tokens.Add(token);

    /// <summary>
    /// Takes the tokens of the text. Rejected drafts are cut off, and one token at least is computed again, since its
    /// logits are wanted.
    /// </summary>
    public void SetText(ReadOnlySpan<int> text)
    {
        var same = Tokens.CommonPrefixLength(text);
        _tokens.Clear();
        _tokens.AddRange(text);
        table.Truncate(Math.Min(table.TokenCount, Math.Min(same, text.Length - 1)));
    }
}
