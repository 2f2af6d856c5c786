using System.Text;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Tests.Generation;

/// <summary>A row's pieces put together, and the promises about pieces checked on the way.</summary>
internal sealed class Generated
{
    private readonly StringBuilder _text = new();

    public List<int> Ids { get; } = [];

    public string Text => _text.ToString();

    public FinishReason? FinishReason { get; private set; }

    public Usage? Usage { get; private set; }

    public static async Task<IReadOnlyDictionary<int, Generated>> Of(IAsyncEnumerable<GeneratedPiece> pieces)
    {
        var rows = new Dictionary<int, Generated>();
        await foreach (var piece in pieces)
        {
            var row = rows.TryGetValue(piece.Row, out var known) ? known : rows[piece.Row] = new Generated();
            Assert.Null(row.FinishReason);
            Assert.Equal(piece.FinishReason is null, piece.Usage is null);
            row.Ids.AddRange(piece.TokenIds);
            row._text.Append(piece.Text);
            (row.FinishReason, row.Usage) = (piece.FinishReason, piece.Usage);
        }

        Assert.All(rows.Values, row => Assert.NotNull(row.FinishReason));
        Assert.All(rows.Values, row => Assert.Equal(row.Ids.Count, row.Usage!.Value.CompletionTokens));
        return rows;
    }
}
