using TorchKv.PortChecking.Findings;
using static TorchKv.PortChecking.Text.Figures;

namespace TorchKv.PortChecking.Report.Words;

/// <summary>The words for a <see cref="LayoutFinding"/>.</summary>
internal static class LayoutText
{
    private const int MostRows = 6, MostBlocks = 16, MostColumns = 4;

    public static string Of(LayoutFinding finding) => finding switch
    {
        LayoutFinding.RowsShifted of => Of(of),
        LayoutFinding.RowsShiftedByBatch of => "rows are shifted, by another number for each row of the batch "
            + $"(positions): {string.Join(", ", of.Shifts.Select(Of))}; "
            + "with padding, positions count the tokens that are not padding",
        LayoutFinding.BatchRowsPermuted of => "rows of the batch are permuted: "
            + Moves(of.Side, of.Moves, "row", "is"),
        LayoutFinding.RowsPermuted of => "rows are permuted: "
            + Moves(of.Side, of.Moves, "position", "holds") + " (positions)",
        LayoutFinding.BlocksPermuted of => Of(of),
        LayoutFinding.ColumnsInterleaved of => "heads are transposed: the columns were written as "
            + $"({of.Size}, {of.Groups}) and read as ({of.Groups}, {of.Size}); "
            + "one view has heads and head_dim the other way round",
        LayoutFinding.ColumnsTurned of => $"columns are permuted: turned by {of.By}",
        LayoutFinding.ColumnsPermuted of => Of(of),
        LayoutFinding.LastTwoExchanged of => $"transposed: the last two dimensions ({of.Tokens}, {of.Columns}) "
            + "are exchanged and read back as if they were not",
        LayoutFinding.HeadsBeforePositions of => "heads and positions are transposed: the numbers stand as "
            + $"({of.Heads} heads, {of.Tokens} tokens, {of.HeadDim}) where "
            + $"({of.Tokens} tokens, {of.Heads} heads, {of.HeadDim}) is meant; "
            + "a transpose(1, 2) is missing before a view",
        LayoutFinding.OtherOrder =>
            "the same numbers in another order: a view or reshape where a transpose or permute is meant",
        LayoutFinding.WeightTransposed of => $"a transposed weight: the square matrix that {of.Input} is multiplied "
            + "by is used transposed in one of them (Conv1D keeps (in, out), Linear (out, in))",
        _ => throw new NotSupportedException($"{finding.GetType().Name} has no words."),
    };

    private static string Of(LayoutFinding.RowsShifted of)
    {
        var size = Math.Abs(of.Shift);
        var where = of.BatchRows is { } rows ? $" in batch rows {Ranges(rows)} only, as with padding" : "";
        var restart = of.Restart
            ? ": they begin at 0 again in each step, where the tokens in the cache should be counted"
            : "";
        var found = of.Found == of.Wrong
            ? ""
            : $" ({of.Found} of {of.Wrong} rows; the others are beyond what was recorded)";
        return $"rows are shifted by {(size == 1 ? "one" : $"{size}")} (positions): "
            + $"{of.Side.Name()}'s position p holds what {of.Side.Other().Name()} has at p "
            + $"{(of.Shift < 0 ? "−" : "+")} {size}{where}{restart}{found}";
    }

    private static string Moves(Side side, (int To, int From)[] moves, string what, string verb) =>
        string.Join(", ", moves.Take(MostRows).Select(move =>
            $"{side.Name()}'s {what} {move.To} {verb} {side.Other().Name()}'s {move.From}"));

    private static string Of((int Batch, int Shift) row) =>
        $"batch row {row.Batch} by {Math.Abs(row.Shift)}{(row.Shift < 0 ? " back" : " on")}";

    private static string Of(LayoutFinding.BlocksPermuted of)
    {
        var list = string.Join(", ", of.Blocks.Take(MostBlocks)) + (of.Blocks.Length > MostBlocks ? ", …" : "");
        var three = of.Blocks.Length == 3 ? ", as when query, key and value are taken apart in another order" : "";
        return of.AreHeads
            ? $"heads are permuted: blocks of {of.Size} columns stand in the order {list}"
            : $"columns are permuted: {of.Blocks.Length} blocks of {of.Size} stand in the order {list}{three}";
    }

    private static string Of(LayoutFinding.ColumnsPermuted of)
    {
        var order = of.Order;
        var moves = order.Select((from, to) => (From: from, To: to)).Where(move => move.From != move.To).ToArray();
        if (order.Select((from, to) => from + to).All(sum => sum == order.Length - 1))
        {
            return "columns are permuted: they stand in reverse order";
        }

        var some = moves.Take(MostColumns).Select(move => $"{move.To} is {of.Side.Other().Name()}'s {move.From}");
        return $"columns are permuted: {moves.Length} of {order.Length} stand elsewhere ({string.Join(", ", some)}, …)";
    }
}
