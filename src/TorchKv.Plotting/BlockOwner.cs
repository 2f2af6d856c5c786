namespace TorchKv.Plotting;

/// <summary>A request that holds blocks.</summary>
/// <param name="Number">Its number, from 0, which chooses its colour.</param>
/// <param name="Name">Its name in the figure.</param>
internal readonly record struct BlockOwner(long Number, string Name)
{
    /// <summary>Its colour.</summary>
    public string Color => Palette.Of(Palette.Areas, Number);
}
