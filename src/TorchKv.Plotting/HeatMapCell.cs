namespace TorchKv.Plotting;

/// <summary>One value of a heat map.</summary>
/// <param name="Row">Its row, from 0.</param>
/// <param name="Column">Its column, from 0.</param>
/// <param name="Color">Its colour; null: no value, which a dashed frame shows.</param>
/// <param name="Tooltip">What it is, in numbers.</param>
internal sealed record HeatMapCell(int Row, int Column, string? Color, string Tooltip)
{
    /// <summary>Whether a frame draws attention to it.</summary>
    public bool IsMarked { get; init; }
}
