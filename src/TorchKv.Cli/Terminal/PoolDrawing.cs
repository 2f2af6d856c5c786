using System.Globalization;
using System.Text;
using TorchKv.Runtime;

namespace TorchKv.Cli.Terminal;

/// <summary>
/// The engine's pool of KV blocks while several prompts run, drawn on standard error: a cell a block, coloured by who holds it.
/// Where that is no terminal, one line at the end.
/// </summary>
internal sealed class PoolDrawing : IDisposable
{
    private const int BlockSize = 16;
    private const int CellsInLine = 64;
    private const int MostLines = 6;
    private const int MostPrompts = 8;
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(60);

    // Cyan, green, magenta, blue, red and their bright kin.
    private static readonly int[] s_colors = [36, 32, 35, 34, 31, 96, 92, 95];

    private readonly CliConsole _console;
    private readonly Engine _engine;
    private readonly int[] _tokens;
    private readonly bool[] _done;
    private readonly Timer? _timer;
    private readonly Lock _gate = new();
    private long? _firstRequest;
    private int _drawnLines;
    private bool _ended;

    public PoolDrawing(CliConsole console, Engine engine, IReadOnlyList<int[]> prompts)
    {
        (_console, _engine) = (console, engine);
        _tokens = [.. prompts.Select(prompt => prompt.Length)];
        _done = new bool[prompts.Count];
        if (console.ErrorIsTerminal)
        {
            _timer = new Timer(_ => Draw(), null, TimeSpan.Zero, s_interval);
        }
    }

    public void Add(GeneratedPiece piece)
    {
        lock (_gate)
        {
            _tokens[piece.Row] += piece.TokenIds.Count;
            _done[piece.Row] |= piece.FinishReason is not null;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_ended)
            {
                return;
            }

            _ended = true;
        }

        _timer?.Dispose();
        if (_console.ErrorIsTerminal)
        {
            DrawNow();
        }
        else
        {
            _console.Error.WriteLine(PoolBar.Line(_engine.Stats, default));
        }
    }

    private void Draw()
    {
        lock (_gate)
        {
            if (!_ended)
            {
                DrawNow();
            }
        }
    }

    private void DrawNow()
    {
        EngineSnapshot snapshot;
        try
        {
            snapshot = _engine.SnapshotAsync().GetAwaiter().GetResult();
        }
        catch (EngineClosedException)
        {
            // The requests' readers say why.
            return;
        }

        var stats = _engine.Stats;
        var frame = new StringBuilder();
        if (_drawnLines > 0)
        {
            frame.Append(CultureInfo.InvariantCulture, $"\e[{_drawnLines}A");
        }

        var lines = Cells(snapshot).Append($"{stats.HeldBlocks} held, {stats.CachedBlocks} cached (▒), {stats.FreeBlocks} free of {stats.TotalBlocks} blocks of {BlockSize} tokens")
            .Concat(Prompts()).ToList();
        foreach (var line in lines)
        {
            frame.Append("\r\e[2K").Append(line).Append('\n');
        }

        _drawnLines = lines.Count;
        _console.Error.Write(frame.ToString());
    }

    /// <summary>Each block where it lies: a prompt's in its colour, shared ones white, those that the prefix index alone knows hatched.</summary>
    private IEnumerable<string> Cells(EngineSnapshot snapshot)
    {
        var owners = new Dictionary<int, int>();
        foreach (var sequence in snapshot.Sequences)
        {
            _firstRequest ??= snapshot.Sequences.Min(any => any.Request);
            foreach (var block in sequence.Blocks)
            {
                owners[block] = (int)(Math.Max(0, sequence.Request - _firstRequest.Value) % s_colors.Length);
            }
        }

        var shown = Math.Min(snapshot.Blocks.Count, CellsInLine * MostLines);
        for (var start = 0; start < shown; start += CellsInLine)
        {
            var line = new StringBuilder();
            for (var block = start; block < Math.Min(shown, start + CellsInLine); block++)
            {
                line.Append(snapshot.Blocks[block] switch
                {
                    BlockUse.Held => Paint("█", owners.TryGetValue(block, out var owner) ? s_colors[owner] : 37),
                    BlockUse.Shared => Paint("█", 37),
                    BlockUse.Cached => Paint("▒", 33),
                    _ => Paint("·", 2),
                });
            }

            yield return line.ToString();
        }
    }

    private IEnumerable<string> Prompts()
    {
        for (var row = 0; row < Math.Min(_tokens.Length, MostPrompts); row++)
        {
            var blocks = (_tokens[row] + BlockSize - 1) / BlockSize;
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{Paint("█", s_colors[row % s_colors.Length])} prompt {row + 1}: {_tokens[row]} tokens, {(_done[row] ? "done" : $"{blocks} blocks, the last {_tokens[row] - ((blocks - 1) * BlockSize)} of {BlockSize} full")}");
        }

        if (_tokens.Length > MostPrompts)
        {
            yield return $"  and {_tokens.Length - MostPrompts} more";
        }
    }

    private string Paint(string text, int code) => _console.ErrorStyle.Enabled ? $"\e[{code}m{text}\e[0m" : text;
}
