namespace TorchKv.PortChecking.Findings;

/// <summary>The right numbers stand in the wrong places.</summary>
internal abstract record LayoutFinding : Finding
{
    /// <summary>Rows stand a number of positions away from where they should.</summary>
    /// <param name="Side">The side whose rows are shifted.</param>
    /// <param name="Shift">What is at position p should be at p + shift.</param>
    /// <param name="Found">How many wrong rows were found at the shifted position.</param>
    /// <param name="Wrong">How many rows are wrong.</param>
    /// <param name="BatchRows">The batch rows that are shifted; null where all are.</param>
    /// <param name="Restart">Whether the positions begin at 0 again, although there are cached tokens.</param>
    public sealed record RowsShifted(Side Side, int Shift, int Found, int Wrong, int[]? BatchRows, bool Restart)
        : LayoutFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Positions;
    }

    /// <summary>Each batch row is shifted by a number of its own.</summary>
    public sealed record RowsShiftedByBatch((int Batch, int Shift)[] Shifts) : LayoutFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Positions;
    }

    /// <summary>Batch rows stand in another order.</summary>
    /// <param name="Side">The side whose rows moved.</param>
    /// <param name="Moves">A batch row of that side and the other side's row that it holds.</param>
    public sealed record BatchRowsPermuted(Side Side, (int Row, int From)[] Moves) : LayoutFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.RowsPermuted;
    }

    /// <summary>Positions stand in another order.</summary>
    /// <param name="Side">The side whose rows moved.</param>
    /// <param name="Moves">A position of that side and the other side's position that it holds.</param>
    public sealed record RowsPermuted(Side Side, (int Position, int From)[] Moves) : LayoutFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.RowsPermuted;
    }

    /// <summary>Blocks of columns stand in another order.</summary>
    /// <param name="Size">Columns of a block.</param>
    /// <param name="Blocks">For each block of the port the original's.</param>
    /// <param name="AreHeads">Whether the blocks are heads.</param>
    public sealed record BlocksPermuted(int Size, int[] Blocks, bool AreHeads) : LayoutFinding
    {
        public override ResemblanceKind Kind =>
            AreHeads ? ResemblanceKind.Heads : ResemblanceKind.ColumnsPermuted;
    }

    /// <summary>Columns were written as (size, groups) and read as (groups, size).</summary>
    public sealed record ColumnsInterleaved(int Groups, int Size) : LayoutFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Heads;
    }

    /// <summary>All columns are moved by the same number of places, round the end.</summary>
    public sealed record ColumnsTurned(int By) : LayoutFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.ColumnsPermuted;
    }

    /// <summary>Columns stand in another order.</summary>
    /// <param name="Side">The side whose columns moved.</param>
    /// <param name="Order">For each column the other side's.</param>
    public sealed record ColumnsPermuted(Side Side, int[] Order) : LayoutFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.ColumnsPermuted;
    }

    /// <summary>The last two dimensions are exchanged and read back as if they were not.</summary>
    public sealed record LastTwoExchanged(int Tokens, int Columns) : LayoutFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Transposed;
    }

    /// <summary>The numbers stand as (heads, tokens, head size) in place of (tokens, heads, head size).</summary>
    public sealed record HeadsBeforePositions(int Heads, int Tokens, int HeadDim) : LayoutFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Heads;
    }

    /// <summary>The same numbers in an order that was not recognised.</summary>
    public sealed record OtherOrder : LayoutFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Transposed;
    }

    /// <summary>The square matrix that a module's output is multiplied by is transposed.</summary>
    public sealed record WeightTransposed(string Input) : LayoutFinding
    {
        public override ResemblanceKind Kind => ResemblanceKind.Transposed;
    }
}
