using System.Globalization;
using System.Text;
using TorchKv.Runtime.Serving;

namespace TorchKv.Cli.Plotting;

/// <summary>
/// A pool of KV blocks and the block tables over it, step below step, as SVG that stands alone on a light ground. Every cell
/// carries what it shows as data attributes too: <c>data-step</c>, <c>data-block</c>, <c>data-state</c>, <c>data-owners</c>,
/// <c>data-tokens</c>.
/// </summary>
internal sealed record BlockFigure(string Title, string Subtitle, IReadOnlyList<BlockFrame> Frames)
{
    /// <summary>The most blocks of a pool that is drawn: more would not be legible.</summary>
    public const int MostBlocks = 48;

    /// <summary>The most frames.</summary>
    public const int MostFrames = 12;

    private const int Width = 900;
    private const double Margin = 24;
    private const double CellsLeft = 112;
    private const int CellsInRow = 12;
    private const double Cell = 58;
    private const double Pitch = 63;
    private const double CellHeight = 38;
    private const double TableHeight = 26;
    private const double LineHeight = 18;

    // Slots of a block stand in rows of eight.
    private const int SlotColumns = 8;
    private const double Slot = 5;
    private const double SlotPitch = 6.25;

    // Okabe and Ito's palette: told apart with any colour vision.
    private static readonly string[] s_colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9"];

    public string ToSvg()
    {
        var body = new StringBuilder();
        var y = Legend(body, 74);
        foreach (var frame in Frames)
        {
            y = Draw(body, frame, y + 14);
        }

        var height = (int)Math.Ceiling(y + 14);
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {height}\" width=\"{Width}\" height=\"{height}\" role=\"img\" aria-label=\"{LineChart.Escape(Title)}\">\n");
        svg.Append("""
            <style>
            text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #374151; }
            .title { font-size: 17px; font-weight: 600; fill: #111827; }
            .step { font-weight: 600; fill: #111827; }
            .number { font-size: 11px; fill: #6b7280; }
            .name { font-size: 11px; font-weight: 600; }
            .paper { fill: #ffffff; stroke: #d1d5db; }
            .rule { stroke: #e5e7eb; }
            .cell { fill: #ffffff; stroke-width: 1.5; }
            .shared .cell { stroke: #111827; }
            .free .cell { stroke: #c4c9d1; stroke-dasharray: 2 3; }
            .cached .cell { stroke-dasharray: 5 3; }
            .slot { fill: #e5e7eb; }
            .cached .slot { fill: none; stroke-width: 1; }
            </style>

            """);
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"paper\" x=\"0.5\" y=\"0.5\" width=\"{Width - 1}\" height=\"{height - 1}\" rx=\"6\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"title\" x=\"{Margin}\" y=\"32\">{LineChart.Escape(Title)}</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Margin}\" y=\"52\">{LineChart.Escape(Subtitle)}</text>\n");
        return svg.Append(body).Append("</svg>\n").ToString();
    }

    private static string Color(long request) => s_colors[request % s_colors.Length];

    private static double Legend(StringBuilder svg, double y)
    {
        (string State, long[] Owners, int Tokens, string Text)[] entries =
        [
            ("held", [0], 11, "held, 11 of 16 tokens in it"),
            ("shared", [0, 1], 16, "shared by two"),
            ("cached", [0], 16, "cached: held by nobody, still found"),
            ("free", [], 0, "free"),
        ];
        var x = Margin;
        foreach (var (state, owners, tokens, text) in entries)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<g class=\"legend {state}\">");
            Box(svg, x, y, 24, owners.Length > 0 ? Color(owners[0]) : null);
            Slots(svg, x, y + 6, owners, tokens, 16, hollow: state == "cached");
            svg.Append("</g>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x + Cell + 8:0.##}\" y=\"{y + 16:0.##}\">{text}</text>\n");
            x += Cell + 24 + (text.Length * 6.9);
        }

        return y + 34;
    }

    private static double Draw(StringBuilder svg, BlockFrame frame, double y)
    {
        svg.Append(CultureInfo.InvariantCulture, $"<line class=\"rule\" x1=\"{Margin}\" x2=\"{Width - Margin}\" y1=\"{y - 8:0.##}\" y2=\"{y - 8:0.##}\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"step\" x=\"{Margin}\" y=\"{y + 12:0.##}\">step {frame.Step}</text>\n");
        foreach (var line in Wrap(frame.Events, 108))
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{CellsLeft}\" y=\"{y + 12:0.##}\">{LineChart.Escape(line)}</text>\n");
            y += LineHeight;
        }

        y += 10;
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Margin}\" y=\"{y + (CellHeight / 2) + 4:0.##}\">pool</text>\n");
        for (var block = 0; block < frame.Snapshot.Blocks.Count; block++)
        {
            if (block > 0 && block % CellsInRow == 0)
            {
                y += CellHeight + 5;
            }

            PoolCell(svg, frame, block, CellsLeft + (block % CellsInRow * Pitch), y);
        }

        y += CellHeight + 10;
        foreach (var sequence in frame.Snapshot.Sequences)
        {
            y = TableRow(svg, frame, sequence, y);
        }

        return y;
    }

    private static void PoolCell(StringBuilder svg, BlockFrame frame, int block, double x, double y)
    {
        var snapshot = frame.Snapshot;
        var holders = snapshot.Sequences.Where(sequence => sequence.Blocks.Contains(block)).ToArray();
        var state = snapshot.Blocks[block].ToString().ToLowerInvariant();
        var tokens = snapshot.Blocks[block] == BlockUse.Cached ? snapshot.BlockSize
            : holders.Select(sequence => TokensIn(sequence, sequence.Blocks.ToList().IndexOf(block), snapshot.BlockSize)).DefaultIfEmpty(0).Max();
        var owners = holders.Select(sequence => sequence.Request).Distinct().ToArray();
        var painted = snapshot.Blocks[block] == BlockUse.Cached && frame.LastHolders[block] >= 0 ? [frame.LastHolders[block]] : owners;
        var names = string.Join(" ", owners.Select(BlockStory.Name));
        svg.Append(CultureInfo.InvariantCulture, $"<g class=\"block {state}\" data-step=\"{frame.Step}\" data-block=\"{block}\" data-state=\"{state}\" data-owners=\"{names}\" data-tokens=\"{tokens}\">");
        Box(svg, x, y, CellHeight, painted.Length > 0 ? Color(painted[0]) : null);
        svg.Append(CultureInfo.InvariantCulture, $"<text class=\"number\" x=\"{x + 5:0.##}\" y=\"{y + 13:0.##}\">{block}</text>");
        if (owners.Length > 3)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text class=\"name\" x=\"{x + Cell - 5:0.##}\" y=\"{y + 13:0.##}\" text-anchor=\"end\">{owners.Length} ×</text>");
        }

        for (var i = 0; owners.Length <= 3 && i < owners.Length; i++)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text class=\"name\" x=\"{x + Cell - 5 - ((owners.Length - 1 - i) * 12):0.##}\" y=\"{y + 13:0.##}\" text-anchor=\"end\" style=\"fill:{Color(owners[i])}\">{BlockStory.Name(owners[i])}</text>");
        }

        if (state != "free")
        {
            Slots(svg, x, y + 20, painted, tokens, snapshot.BlockSize, hollow: state == "cached");
        }

        svg.Append("</g>\n");
    }

    private static double TableRow(StringBuilder svg, BlockFrame frame, SequenceSnapshot sequence, double y)
    {
        var color = Color(sequence.Request);
        var name = BlockStory.Name(sequence.Request);
        svg.Append(CultureInfo.InvariantCulture, $"<g class=\"table\" data-step=\"{frame.Step}\" data-owner=\"{name}\" data-blocks=\"{string.Join(' ', sequence.Blocks)}\">");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Margin}\" y=\"{y + 15:0.##}\"><tspan style=\"fill:{color};font-weight:600\">{name}</tspan> {(sequence.Blocks.Count > 0 ? $"{sequence.ComputedTokens} tokens" : "waits")}</text>");
        if (sequence.Blocks.Count == 0)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{CellsLeft}\" y=\"{y + 15:0.##}\">holds no block</text>");
        }

        for (var i = 0; i < sequence.Blocks.Count; i++)
        {
            if (i > 0 && i % CellsInRow == 0)
            {
                y += TableHeight;
            }

            var x = CellsLeft + (i % CellsInRow * Pitch);
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"cell\" x=\"{x:0.##}\" y=\"{y:0.##}\" width=\"{Cell}\" height=\"21\" rx=\"10\" stroke=\"{color}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text class=\"name\" x=\"{x + (Cell / 2):0.##}\" y=\"{y + 15:0.##}\" text-anchor=\"middle\" style=\"fill:{color}\">{sequence.Blocks[i]}</text>");
        }

        svg.Append("</g>\n");
        return y + TableHeight;
    }

    private static int TokensIn(SequenceSnapshot sequence, int place, int blockSize) =>
        Math.Clamp(sequence.ComputedTokens - (place * blockSize), 0, blockSize);

    private static void Box(StringBuilder svg, double x, double y, double height, string? color) =>
        svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"cell\" x=\"{x:0.##}\" y=\"{y:0.##}\" width=\"{Cell}\" height=\"{height:0.##}\" rx=\"4\"{(color is null ? "" : $" stroke=\"{color}\"")}/>");

    /// <summary>A block's token slots; a shared block's columns are divided among those who hold it.</summary>
    private static void Slots(StringBuilder svg, double x, double y, long[] owners, int tokens, int size, bool hollow)
    {
        if (owners.Length == 0 && tokens == 0)
        {
            return;
        }

        var left = x + ((Cell - (SlotColumns * SlotPitch) + (SlotPitch - Slot)) / 2);
        for (var slot = 0; slot < size; slot++)
        {
            var (row, column) = (slot / SlotColumns, slot % SlotColumns);
            var color = slot >= tokens ? null : owners.Length == 0 ? "#9ca3af" : Color(owners[column * owners.Length / SlotColumns % owners.Length]);
            var style = color is null ? "" : hollow ? $" style=\"stroke:{color}\"" : $" style=\"fill:{color}\"";
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"slot\" x=\"{left + (column * SlotPitch):0.##}\" y=\"{y + (row * SlotPitch):0.##}\" width=\"{Slot}\" height=\"{Slot}\"{style}/>");
        }
    }

    private static List<string> Wrap(IReadOnlyList<string> events, int columns)
    {
        var lines = new List<string>();
        var line = "";
        foreach (var text in events)
        {
            if (line.Length > 0 && line.Length + 2 + text.Length > columns)
            {
                lines.Add(line + ";");
                line = "";
            }

            line = line.Length == 0 ? text : $"{line}; {text}";
        }

        lines.Add(line.Length == 0 ? "nothing changes hands" : line);
        return lines;
    }
}
