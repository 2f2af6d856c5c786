using System.Text.RegularExpressions;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Simulation;
using TorchKv.TestSupport;

namespace TorchKv.Cli.Tests;

public partial class PoolDrawingTests
{
    [GeneratedRegex("\e\\[[0-9]*m")]
    private static partial Regex Colors();

    /// <summary>A terminal that knows what a drawing uses: text, line feeds, moving up, erasing; it wraps and scrolls as one does.</summary>
    private sealed class Screen(int columns, int height)
    {
        private readonly List<char[]> _lines = [.. Enumerable.Range(0, height).Select(_ => Blank(columns))];
        private int _row;
        private int _column;

        public int Scrolled { get; private set; }

        public IReadOnlyList<string> Lines => [.. _lines.Select(line => new string(line).TrimEnd())];

        public void Write(string text)
        {
            for (var i = 0; i < text.Length; i++)
            {
                if (text[i] == '\e')
                {
                    var end = text.AsSpan(i + 2).IndexOfAnyInRange('A', 'z') + i + 2;
                    var number = int.TryParse(text.AsSpan(i + 2, end - i - 2), out var value) ? value : 0;
                    switch (text[end])
                    {
                        case 'A':
                            _row = Math.Max(0, _row - number);
                            break;
                        case 'K':
                            _lines[_row] = Blank(columns);
                            break;
                        case 'J':
                            Array.Fill(_lines[_row], ' ', _column, columns - _column);
                            for (var below = _row + 1; below < height; below++)
                            {
                                _lines[below] = Blank(columns);
                            }

                            break;
                        default:
                            Assert.Equal('m', text[end]);
                            break;
                    }

                    i = end;
                }
                else if (text[i] == '\r')
                {
                    _column = 0;
                }
                else if (text[i] == '\n')
                {
                    NewLine();
                }
                else
                {
                    if (_column == columns)
                    {
                        NewLine();
                    }

                    _lines[_row][_column++] = text[i];
                }
            }
        }

        private void NewLine()
        {
            _column = 0;
            if (++_row == height)
            {
                _row--;
                Scrolled++;
                _lines.RemoveAt(0);
                _lines.Add(Blank(columns));
            }
        }

        private static char[] Blank(int columns) => [.. Enumerable.Repeat(' ', columns)];
    }

    private static IEnumerable<(EngineSnapshot Snapshot, PromptState[] Prompts)> Run(int blocks, int seed)
    {
        var workload = SimulatedWorkload.Make(20, 400, seed, (1, 60), (1, 60), sharedTokens: 33, prefixes: 2);
        var simulation = new SchedulerSimulation(workload, new SimulationOptions { BlockCount = blocks, Scheduling = new SchedulingOptions { MaxTokensPerStep = 48, PrefillTokensBesideDecodes = 20 } });
        while (simulation.Step())
        {
            var snapshot = simulation.Snapshot();
            var live = snapshot.Sequences.Select(sequence => (int)sequence.Request).ToHashSet();
            var last = live.Count == 0 ? 20 : live.Max();
            yield return (snapshot, [.. workload.Select((request, row) => new PromptState(request.PromptTokens, 0, !live.Contains(row) && row < last))]);
        }
    }

    [Theory]
    [InlineData(24, 80, 24)]
    [InlineData(24, 50, 24)]
    [InlineData(70, 30, 8)]
    [InlineData(5000, 80, 24)]
    [InlineData(5000, 50, 10)]
    [InlineData(5000, 22, 3)]
    [InlineData(24, 12, 1)]
    [InlineData(24, 300, 100)]
    public void APictureFitsItsTerminalAndShowsTheWholePool(int blocks, int width, int height)
    {
        foreach (var (snapshot, prompts) in Run(blocks, 1))
        {
            var lines = PoolFrame.Lines(snapshot, prompts, request => (int)request, width, height, color: true).Select(line => Colors().Replace(line, "")).ToList();
            Assert.InRange(lines.Count, 2, Math.Max(2, height - 1));
            Assert.All(lines, line => Assert.True(line.Length < width, line));
            var cells = string.Concat(lines.TakeWhile(line => line.All(character => "█▌▒·".Contains(character))));
            var scale = (blocks + cells.Length - 1) / cells.Length;
            Assert.Equal((blocks + scale - 1) / scale, cells.Length);
            for (var cell = 0; cell < cells.Length; cell++)
            {
                var uses = snapshot.Blocks.Skip(cell * scale).Take(scale).ToList();
                var held = uses.Count(use => use is BlockUse.Held or BlockUse.Shared);
                Assert.Equal(held == uses.Count ? '█' : held > 0 ? '▌' : uses.Contains(BlockUse.Cached) ? '▒' : '·', cells[cell]);
            }
        }
    }

    [Fact]
    public void WithoutColourACellIsItsPromptsLetter()
    {
        var seen = new HashSet<char>();
        foreach (var (snapshot, prompts) in Run(24, 2))
        {
            var cells = PoolFrame.Lines(snapshot, prompts, request => (int)request, 80, 24, color: false)[0];
            for (var block = 0; block < 24; block++)
            {
                var holders = snapshot.Sequences.Where(sequence => sequence.Blocks.Contains(block)).ToList();
                Assert.Equal(
                    holders.Count > 1 ? '#' : holders.Count == 1 ? (char)('A' + holders[0].Request) : snapshot.Blocks[block] == BlockUse.Cached ? '▒' : '·',
                    cells[block]);
                seen.Add(cells[block]);
            }
        }

        Assert.Superset(new HashSet<char>("#A▒·"), seen);
    }

    [Fact]
    public void APromptsLineSaysWhereItStands()
    {
        var snapshot = new EngineSnapshot(
            16,
            [BlockUse.Shared, BlockUse.Held, BlockUse.Held, BlockUse.Cached, BlockUse.Free],
            [
                new SequenceSnapshot(0, 0, true, 20, 19, 0, [0, 1]),
                new SequenceSnapshot(1, 0, true, 18, 17, 16, [0, 2]),
                new SequenceSnapshot(2, 0, false, 9, 0, 0, []),
                new SequenceSnapshot(3, 0, false, 9, 0, 0, []),
            ],
            1);
        PromptState[] prompts = [new(18, 2, false), new(17, 1, false), new(5, 4, false), new(9, 0, false), new(3, 4, true), new(2, 0, false)];
        Assert.Equal(
            [
                "#AB▒·",
                "3 held (1 shared, #), 1 cached ▒, 1 free · 1 preempted · a cell is a block of 16 tokens",
                "A prompt 1: 20 tokens, blocks 0 1",
                "B prompt 2: 18 tokens, blocks 0 2 (16 found)",
                "C prompt 3: 9 tokens, preempted, waits",
                "D prompt 4: 9 tokens, waits",
                "F prompt 6: 2 tokens, waits",
                "E prompt 5: 7 tokens, done",
            ],
            PoolFrame.Lines(snapshot, prompts, request => (int)request, 100, 24, color: false));
        Assert.Equal(
            ["#AB▒·", "3 held (1 shared, #), 1 cached ▒, 1 f…", "A prompt 1: 20 tokens, blocks 0 1", "  and 5 more: 1 run, 3 wait, 1 done"],
            PoolFrame.Lines(snapshot, prompts, request => (int)request, 39, 5, color: false));
    }

    [Theory]
    [InlineData(80, 24)]
    [InlineData(50, 10)]
    [InlineData(30, 5)]
    public async Task TheLiveDrawingStaysInItsPlaceWhilePromptsRun(int columns, int height)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllLines(folder["prompts.jsonl"], Enumerable.Range(1, 12).Select(i => $"{{\"prompt_ids\": [{string.Join(',', Enumerable.Range(i, 20))}]}}"));
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var console = new CliConsole(output, error, () => new MemoryStream())
        {
            ErrorIsTerminal = true,
            ColorAllowed = true,
            Width = columns,
            Height = height,
        };
        var exitCode = await CliApplication.RunAsync(
            ["generate", "--model", RepositoryFiles.Weights("storyteller"), "--runner", "cpu", "--prompts", folder["prompts.jsonl"], "--max-new-tokens", "60", "--eos-token-id", "none", "--show-blocks", "--json"],
            console,
            CancellationToken.None);
        Assert.Equal((0, 12), (exitCode, output.ToString().Count(character => character == '\n')));
        var written = error.ToString();
        var screen = new Screen(columns, height);

        // What comes below the last picture says how long it took.
        screen.Write(written[..(written.LastIndexOf("\e[J", StringComparison.Ordinal) + 3)]);
        var summary = Assert.Single(screen.Lines, line => line.StartsWith("0 held", StringComparison.Ordinal));
        Assert.Single(screen.Lines, line => line.Contains("held", StringComparison.Ordinal));
        Assert.StartsWith("▒", screen.Lines[0]);
        Assert.Equal(0, screen.Scrolled);
        Assert.EndsWith("done", screen.Lines.Last(line => line.Length > 0));
        Assert.True(summary.Length < columns);
    }
}
