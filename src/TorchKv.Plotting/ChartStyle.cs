namespace TorchKv.Plotting;

/// <summary>
/// The style sheet that charts share: a sheet of their own, the viewer's light or dark scheme where it is known, the
/// system's font.
/// </summary>
internal static class ChartStyle
{
    /// <summary>
    /// Classes <c>title</c>, <c>paper</c>, <c>grid</c>, <c>axis</c> and <c>strong</c>, and texts of 12 pixels.
    /// </summary>
    public const string Common = """
        text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #4b5563; }
        .title { font-size: 16px; font-weight: 600; fill: #111827; }
        .strong { font-weight: 600; fill: #111827; }
        .paper { fill: #ffffff; }
        .grid { stroke: #e5e7eb; stroke-width: 1; }
        .axis { stroke: #9ca3af; stroke-width: 1; }
        @media (prefers-color-scheme: dark) {
        text { fill: #b6bec9; } .title, .strong { fill: #f3f4f6; } .paper { fill: #15181d; }
        .grid { stroke: #2b3038; } .axis { stroke: #6b7280; }
        }
        """;

    /// <summary>About how wide a character of a text of 12 pixels is.</summary>
    public const double CharacterWidth = 6.6;
}
