namespace TorchKv.Plotting;

/// <summary>Which point of a text its x coordinate is.</summary>
internal enum TextAnchor
{
    /// <summary>Where the text starts.</summary>
    Start,

    /// <summary>Its middle.</summary>
    Middle,

    /// <summary>Where it ends.</summary>
    End,
}
