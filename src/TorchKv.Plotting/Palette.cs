namespace TorchKv.Plotting;

/// <summary>Colours of Okabe and Ito's palette, which are told apart with any colour vision.</summary>
internal static class Palette
{
    /// <summary>For lines on white and on near-black.</summary>
    public static IReadOnlyList<string> Lines { get; } =
    [
        "#D55E00", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#8C6D31", "#7A7A7A",
    ];

    /// <summary>For areas and letters on white.</summary>
    public static IReadOnlyList<string> Areas { get; } =
    [
        "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9",
    ];

    /// <summary>The colour of a number, the first again after the last.</summary>
    public static string Of(IReadOnlyList<string> colors, long number) => colors[(int)(number % colors.Count)];
}
