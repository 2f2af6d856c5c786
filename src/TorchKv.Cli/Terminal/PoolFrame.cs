using System.Globalization;
using TorchKv.Runtime.Serving;

namespace TorchKv.Cli.Terminal;

/// <summary>
/// One picture of the pool as lines that fit a terminal: a cell a block (or several, where the pool is larger than the
/// screen) in the colour of the prompt that holds it, or its letter where there is no colour; below it the prompts.
/// </summary>
internal static class PoolFrame
{
    private const int MostColumns = 100;
    private const int MostPoolLines = 6;
    private const int MostPrompts = 8;

    // Cyan, green, magenta, blue, red and their bright kin.
    private static readonly int[] s_colors = [36, 32, 35, 34, 31, 96, 92, 95];

    private sealed record Cell(int Blocks, int Held, int Cached, bool Shared, int Row);

    /// <summary>
    /// The lines, at most <paramref name="height"/> − 1 of them (and never fewer than two), each shorter than
    /// <paramref name="width"/>.
    /// </summary>
    /// <param name="snapshot">Pool and tables.</param>
    /// <param name="prompts">The batch.</param>
    /// <param name="rowOf">The prompt that a request is; −1: none of the batch.</param>
    /// <param name="width">Columns of the terminal.</param>
    /// <param name="height">Lines of the terminal.</param>
    /// <param name="color">Whether it shows colour.</param>
    public static IReadOnlyList<string> Lines(
        EngineSnapshot snapshot,
        IReadOnlyList<PromptState> prompts,
        Func<long, int> rowOf,
        int width,
        int height,
        bool color)
    {
        var columns = Math.Clamp(width - 1, 8, MostColumns);
        var room = Math.Max(2, height - 1);

        // A line begins with a number that a person can count from: a multiple of 16, where there is room for it.
        var cells = columns < 16 ? columns : columns / 16 * 16;
        var count = snapshot.Blocks.Count;
        var poolLines = Math.Clamp(Math.Min(MostPoolLines, (room - 1) / 2), 1, (count + cells - 1) / cells);
        var scale = (count + (cells * poolLines) - 1) / (cells * poolLines);
        var lines = new List<string>();
        foreach (var line in Cells(snapshot, rowOf, scale).Chunk(cells))
        {
            lines.Add(string.Concat(line.Select(cell => Draw(cell, color))));
        }

        var uses = snapshot.Blocks.CountBy(use => use).ToDictionary();
        int Of(BlockUse use) => uses.GetValueOrDefault(use);
        var shared = Of(BlockUse.Shared) > 0
            ? string.Create(CultureInfo.InvariantCulture, $" ({Of(BlockUse.Shared)} shared, {(color ? "white" : "#")})")
            : "";
        var preemptions = snapshot.Preemptions > 0
            ? string.Create(CultureInfo.InvariantCulture, $" · {snapshot.Preemptions} preempted")
            : "";
        var cell = scale > 1 ? $"{scale} blocks" : "a block";
        var summary = string.Create(
            CultureInfo.InvariantCulture,
            $"{Of(BlockUse.Held) + Of(BlockUse.Shared)} held{shared}, {Of(BlockUse.Cached)} cached ▒, "
            + $"{Of(BlockUse.Free)} free{preemptions} · a cell is {cell} of {snapshot.BlockSize} tokens");
        lines.Add(Clip(summary, columns));
        lines.AddRange(
            Prompts(snapshot, prompts, rowOf, Math.Min(MostPrompts + 1, room - lines.Count), columns, color));
        return lines;
    }

    private static IEnumerable<Cell> Cells(EngineSnapshot snapshot, Func<long, int> rowOf, int scale)
    {
        var owners = new Dictionary<int, int>();
        foreach (var sequence in snapshot.Sequences)
        {
            foreach (var block in sequence.Blocks)
            {
                owners[block] = rowOf(sequence.Request);
            }
        }

        for (var start = 0; start < snapshot.Blocks.Count; start += scale)
        {
            var blocks = Enumerable.Range(start, Math.Min(scale, snapshot.Blocks.Count - start)).ToArray();
            var held = blocks.Where(block => snapshot.Blocks[block] is BlockUse.Held or BlockUse.Shared).ToArray();
            yield return new Cell(
                blocks.Length,
                held.Length,
                blocks.Count(block => snapshot.Blocks[block] == BlockUse.Cached),
                Array.Exists(held, block => snapshot.Blocks[block] == BlockUse.Shared),
                held.Length == 0
                    ? -1
                    : held.Select(block => owners.GetValueOrDefault(block, -1))
                        .CountBy(row => row)
                        .MaxBy(pair => pair.Value)
                        .Key);
        }
    }

    private static string Draw(Cell cell, bool color)
    {
        if (cell.Held == 0)
        {
            return cell.Cached > 0 ? Paint("▒", 33, color) : Paint("·", 2, color);
        }

        if (!color)
        {
            return cell.Shared ? "#" : Letter(cell.Row);
        }

        return Paint(
            cell.Held == cell.Blocks ? "█" : "▌",
            cell.Shared || cell.Row < 0 ? 37 : s_colors[cell.Row % s_colors.Length],
            color);
    }

    private static IEnumerable<string> Prompts(
        EngineSnapshot snapshot,
        IReadOnlyList<PromptState> prompts,
        Func<long, int> rowOf,
        int room,
        int columns,
        bool color)
    {
        if (room <= 0)
        {
            yield break;
        }

        var live = new Dictionary<int, SequenceSnapshot>();
        foreach (var sequence in snapshot.Sequences)
        {
            live.TryAdd(rowOf(sequence.Request), sequence);
        }

        // The ones that move come first; the others would take their place.
        var ordered = Enumerable.Range(0, prompts.Count)
            .OrderBy(row => prompts[row].IsDone)
            .ThenBy(row => !(live.TryGetValue(row, out var sequence) && sequence.IsRunning))
            .ThenBy(row => row)
            .ToArray();
        var shown = ordered.Length <= room ? ordered.Length : room - 1;
        foreach (var row in ordered.Take(shown))
        {
            var mark = color ? Paint("█", s_colors[row % s_colors.Length], color) : Letter(row);
            yield return $"{mark} {Clip(Describe(row, prompts[row], live.GetValueOrDefault(row)), columns - 2)}";
        }

        if (shown < ordered.Length)
        {
            var rest = ordered.Skip(shown).ToArray();
            var done = rest.Count(row => prompts[row].IsDone);
            var run = rest.Count(
                row => !prompts[row].IsDone && live.TryGetValue(row, out var sequence) && sequence.IsRunning);
            (int Count, string Word)[] all = [(run, "run"), (rest.Length - run - done, "wait"), (done, "done")];
            var parts = all
                .Where(part => part.Count > 0)
                .Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Count} {part.Word}"));
            yield return Clip(
                string.Create(CultureInfo.InvariantCulture, $"  and {rest.Length} more: {string.Join(", ", parts)}"),
                columns);
        }
    }

    private static string Describe(int row, PromptState prompt, SequenceSnapshot? sequence)
    {
        var text = string.Create(
            CultureInfo.InvariantCulture, $"prompt {row + 1}: {prompt.Prompt + prompt.Generated} tokens, ");
        if (prompt.IsDone || sequence is null)
        {
            return text + (prompt.IsDone ? "done" : "waits");
        }

        if (!sequence.IsRunning)
        {
            return text + (sequence.CachedTokens > 0 || sequence.Tokens > prompt.Prompt ? "preempted, waits" : "waits");
        }

        var found = sequence.CachedTokens > 0
            ? string.Create(CultureInfo.InvariantCulture, $" ({sequence.CachedTokens} found)")
            : "";
        return $"{text}blocks {string.Join(' ', sequence.Blocks)}{found}";
    }

    private static string Clip(string text, int columns) => columns switch
    {
        _ when text.Length <= columns => text,
        < 2 => "",
        _ => string.Concat(text.AsSpan(0, columns - 1), "…"),
    };

    private static string Letter(int row) => row < 0 ? "?" : ((char)('A' + (row % 26))).ToString();

    private static string Paint(string text, int code, bool color) => color ? $"\e[{code}m{text}\e[0m" : text;
}
