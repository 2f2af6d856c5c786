using System.Globalization;

namespace TorchKv.Plotting;

/// <summary>
/// A pool of KV blocks and the block tables over it, one step below the other, on a light ground. Every cell carries
/// what it shows as data attributes too: <c>data-step</c>, <c>data-block</c>, <c>data-state</c>, <c>data-owners</c>,
/// <c>data-tokens</c>.
/// </summary>
/// <param name="Title">What it shows.</param>
/// <param name="Subtitle">How it is read.</param>
/// <param name="Frames">The steps.</param>
internal sealed record BlockFigure(string Title, string Subtitle, IReadOnlyList<BlockFrame> Frames)
{
    /// <summary>The most blocks of a pool that is drawn: more would not be legible.</summary>
    public const int MostBlocks = 48;

    /// <summary>The most frames.</summary>
    public const int MostFrames = 12;

    private const double Width = 900;
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

    private const string Style = """
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
        """;

    /// <summary>The figure as an SVG text.</summary>
    public string ToSvg()
    {
        var svg = new Svg();
        svg.Text(Margin, 32, Title, "title");
        svg.Text(Margin, 52, Subtitle);
        var y = DrawLegend(svg, 74);
        foreach (var frame in Frames)
        {
            y = DrawFrame(svg, frame, y + 14);
        }

        return svg.ToDocument(Width, y + 14, Title, Style);
    }

    private static string Name(BlockState state) => state.ToString().ToLowerInvariant();

    private static double DrawLegend(Svg svg, double y)
    {
        const int Size = 16;
        BlockOwner first = new(0, "A"), second = new(1, "B");
        (BlockCell Cell, string Text)[] entries =
        [
            (new(BlockState.Held, [first], [first], 11), "held, 11 of 16 tokens in it"),
            (new(BlockState.Shared, [first, second], [first, second], Size), "shared by two"),
            (new(BlockState.Cached, [], [first], Size), "cached: in no table, can be found"),
            (new(BlockState.Free, [], [], 0), "free"),
        ];
        var x = Margin;
        foreach (var (cell, text) in entries)
        {
            svg.BeginGroup("legend " + Name(cell.State));
            DrawBox(svg, x, y, 24, cell.PaintedFor);
            DrawSlots(svg, x, y + 6, cell, Size);
            svg.EndGroup();
            svg.Text(x + Cell + 8, y + 16, text);
            x += Cell + 24 + (text.Length * 6.9);
        }

        return y + 34;
    }

    private static double DrawFrame(Svg svg, BlockFrame frame, double y)
    {
        svg.Line(Margin, y - 8, Width - Margin, y - 8, "rule");
        svg.Text(Margin, y + 12, string.Create(CultureInfo.InvariantCulture, $"step {frame.Step}"), "step");
        foreach (var line in Wrap(frame.Events, 108))
        {
            svg.Text(CellsLeft, y + 12, line);
            y += LineHeight;
        }

        y += 10;
        svg.Text(Margin, y + (CellHeight / 2) + 4, "pool");
        for (var block = 0; block < frame.Blocks.Count; block++)
        {
            if (block > 0 && block % CellsInRow == 0)
            {
                y += CellHeight + 5;
            }

            DrawCell(svg, frame, block, CellsLeft + (block % CellsInRow * Pitch), y);
        }

        y += CellHeight + 10;
        foreach (var table in frame.Tables)
        {
            y = DrawTable(svg, frame.Step, table, y);
        }

        return y;
    }

    private static void DrawCell(Svg svg, BlockFrame frame, int block, double x, double y)
    {
        var cell = frame.Blocks[block];
        var owners = cell.Owners;
        svg.BeginGroup(
            "block " + Name(cell.State),
            ("data-step", Text(frame.Step)),
            ("data-block", Text(block)),
            ("data-state", Name(cell.State)),
            ("data-owners", string.Join(' ', owners.Select(owner => owner.Name))),
            ("data-tokens", Text(cell.Tokens)));
        DrawBox(svg, x, y, CellHeight, cell.PaintedFor);
        svg.Text(x + 5, y + 13, Text(block), "number");
        if (owners.Count > 3)
        {
            svg.Text(x + Cell - 5, y + 13, Text(owners.Count) + " ×", "name", TextAnchor.End);
        }

        for (var i = 0; owners.Count <= 3 && i < owners.Count; i++)
        {
            svg.Text(
                x + Cell - 5 - ((owners.Count - 1 - i) * 12),
                y + 13,
                owners[i].Name,
                "name",
                TextAnchor.End,
                "fill:" + owners[i].Color);
        }

        if (cell.State != BlockState.Free)
        {
            DrawSlots(svg, x, y + 20, cell, frame.BlockSize);
        }

        svg.EndGroup();
    }

    private static double DrawTable(Svg svg, long step, BlockTableRow table, double y)
    {
        var (owner, text, blocks) = table;
        svg.BeginGroup(
            "table",
            ("data-step", Text(step)),
            ("data-owner", owner.Name),
            ("data-blocks", string.Join(' ', blocks.Select(block => Text(block)))));
        svg.Text(
            Margin,
            y + 15,
            [new TextSpan(owner.Name, Style: $"fill:{owner.Color};font-weight:600"), new TextSpan(" " + text)]);
        if (blocks.Count == 0)
        {
            svg.Text(CellsLeft, y + 15, "holds no block");
        }

        for (var i = 0; i < blocks.Count; i++)
        {
            if (i > 0 && i % CellsInRow == 0)
            {
                y += TableHeight;
            }

            var x = CellsLeft + (i % CellsInRow * Pitch);
            svg.Rect(x, y, Cell, 21, "cell", radius: 10, stroke: owner.Color);
            svg.Text(x + (Cell / 2), y + 15, Text(blocks[i]), "name", TextAnchor.Middle, "fill:" + owner.Color);
        }

        svg.EndGroup();
        return y + TableHeight;
    }

    private static void DrawBox(Svg svg, double x, double y, double height, IReadOnlyList<BlockOwner> paintedFor) =>
        svg.Rect(x, y, Cell, height, "cell", radius: 4, stroke: paintedFor.Count > 0 ? paintedFor[0].Color : null);

    /// <summary>A block's token slots; a shared block's columns are divided among those who hold it.</summary>
    private static void DrawSlots(Svg svg, double x, double y, BlockCell cell, int size)
    {
        var owners = cell.PaintedFor;
        if (owners.Count == 0 && cell.Tokens == 0)
        {
            return;
        }

        var left = x + ((Cell - (SlotColumns * SlotPitch) + (SlotPitch - Slot)) / 2);
        for (var slot = 0; slot < size; slot++)
        {
            var (row, column) = (slot / SlotColumns, slot % SlotColumns);
            var color = slot >= cell.Tokens
                ? null
                : owners.Count == 0 ? "#9ca3af" : owners[column * owners.Count / SlotColumns % owners.Count].Color;
            var style = color is null ? null : cell.State == BlockState.Cached ? "stroke:" + color : "fill:" + color;
            svg.Rect(left + (column * SlotPitch), y + (row * SlotPitch), Slot, Slot, "slot", style: style);
        }
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

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
