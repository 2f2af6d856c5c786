using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>
/// The queries or the keys of one step: a projection's output, (batch, tokens, width), or columns of it.
/// </summary>
/// <param name="Module">The projection.</param>
/// <param name="From">The projection's output.</param>
/// <param name="Offset">The first column.</param>
/// <param name="Columns">The number of columns, of all heads together.</param>
/// <param name="Heads">The number of heads.</param>
internal sealed record ProjectedRows(string Module, Activation From, int Offset, int Columns, int Heads)
{
    public int Tokens => From.Tokens;

    public int Batch => From.Rows / Math.Max(1, Tokens);

    public int HeadDim => Columns / Heads;

    /// <summary>A number of a head, if the columns are split into heads in a certain way.</summary>
    public float At(HeadSplit split, int batch, int head, int token, int i)
    {
        var place = (((head * Tokens) + token) * HeadDim) + i;
        var (row, column) = split switch
        {
            HeadSplit.Right => (token, (head * HeadDim) + i),
            HeadSplit.HeadsLast => (token, (i * Heads) + head),
            _ => (place / Columns, place % Columns),
        };
        return From.Values[(((batch * Tokens) + row) * From.Columns) + Offset + column];
    }
}
