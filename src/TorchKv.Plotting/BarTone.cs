namespace TorchKv.Plotting;

/// <summary>What a bar's colour says.</summary>
internal enum BarTone
{
    /// <summary>There is nothing to judge.</summary>
    Plain,

    /// <summary>As good as wanted, or better.</summary>
    Good,

    /// <summary>Not as good as wanted.</summary>
    Poor,
}
