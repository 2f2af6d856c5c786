namespace TorchKv.PortChecking.Findings;

/// <summary>How a projection's output, (tokens, heads · size), is split into heads.</summary>
internal enum HeadSplit
{
    /// <summary>Viewed as (tokens, heads, size), then transposed.</summary>
    Right,

    /// <summary>Viewed as (heads, tokens, size) at once.</summary>
    WithoutTranspose,

    /// <summary>Viewed as (tokens, size, heads).</summary>
    HeadsLast,
}
