using System.Globalization;
using TorchKv.Plotting;
using TorchKv.Runtime.Serving;
using TorchKv.Simulation;

namespace TorchKv.Cli.Plotting;

/// <summary>Follows a simulation step by step and says which blocks change hands.</summary>
internal sealed class BlockStory
{
    private readonly Dictionary<long, Known> _known = [];
    private readonly List<BlockFrame> _frames = [];
    private readonly List<string> _events = [];
    private readonly int[]? _steps;
    private readonly int _most;
    private long[] _holders = [];

    private sealed record Known(int[] Blocks, bool HasRun, bool Runs);

    /// <summary>A story without frames.</summary>
    /// <param name="steps">The steps that become a frame; null: those in which blocks change hands.</param>
    /// <param name="most">The most frames.</param>
    public BlockStory(int[]? steps, int most)
    {
        _steps = steps;
        _most = most;
    }

    public IReadOnlyList<BlockFrame> Frames => _frames;

    /// <summary>Whether no step to come can become a frame.</summary>
    public bool IsFull => _frames.Count == _most || (_steps is not null && _frames.Count == _steps.Length);

    /// <summary>Tells the next step of a simulation as it is run; false where it has ended.</summary>
    public bool Tell(SchedulerSimulation simulation)
    {
        if (!simulation.TryPlan())
        {
            return false;
        }

        Planned(simulation.Snapshot());
        simulation.RunPlan();
        Ran(simulation.Steps, simulation.Snapshot());
        return true;
    }

    /// <summary>What a request is called: A, B, … Z, A1, B1, …</summary>
    public static string Name(long request) =>
        (char)('A' + (request % 26)) + (request < 26 ? "" : (request / 26).ToString(CultureInfo.InvariantCulture));

    private void Planned(EngineSnapshot snapshot)
    {
        if (_holders.Length == 0)
        {
            _holders = new long[snapshot.Blocks.Count];
            Array.Fill(_holders, -1);
        }

        // Who gave blocks away first, since others may have taken them.
        foreach (var sequence in
            snapshot.Sequences.OrderBy(sequence => sequence.IsRunning).ThenBy(sequence => sequence.Request))
        {
            var name = Name(sequence.Request);
            var before = _known.GetValueOrDefault(sequence.Request) ?? new Known([], false, false);
            if (!sequence.IsRunning)
            {
                if (before.Runs)
                {
                    _events.Add($"{name} is preempted and gives back {List(before.Blocks)}");
                }
                else if (!_known.ContainsKey(sequence.Request))
                {
                    _events.Add($"{name} comes and waits");
                }
            }
            else if (!before.Runs)
            {
                // What it has before its first step, it found.
                var found = sequence.Blocks.Take(sequence.ComputedTokens / snapshot.BlockSize).ToArray();
                var taken = sequence.Blocks.Skip(found.Length).ToArray();
                string[] parts =
                [
                    .. found.Length > 0 ? [$"finds {List(found)} in the index"] : Array.Empty<string>(),
                    .. taken.Length > 0 ? [$"takes {List(taken)}"] : Array.Empty<string>(),
                ];
                _events.Add($"{name} {(before.HasRun ? "goes on" : "begins")}: {string.Join(", ", parts)}");
            }
            else if (sequence.Blocks.Except(before.Blocks).ToArray() is { Length: > 0 } grown)
            {
                _events.Add($"{name} takes {List(grown)}");
            }

            _known[sequence.Request] = new Known(
                [.. sequence.Blocks], before.HasRun || sequence.IsRunning, sequence.IsRunning);
            foreach (var block in sequence.Blocks)
            {
                _holders[block] = sequence.Request;
            }
        }
    }

    private void Ran(long step, EngineSnapshot snapshot)
    {
        var live = snapshot.Sequences.Select(sequence => sequence.Request).ToHashSet();
        foreach (var (request, known) in
            _known.Where(pair => !live.Contains(pair.Key)).OrderBy(pair => pair.Key).ToArray())
        {
            _events.Add($"{Name(request)} ends and gives back {List(known.Blocks)}");
            _known.Remove(request);
        }

        var wanted = _steps is null ? _events.Count > 0 : Array.IndexOf(_steps, (int)Math.Min(step, int.MaxValue)) >= 0;
        if (wanted && !IsFull)
        {
            _frames.Add(FrameOf(step, snapshot));
            _events.Clear();
        }
    }

    private BlockFrame FrameOf(long step, EngineSnapshot snapshot) => new(
        step,
        snapshot.BlockSize,
        [.. Enumerable.Range(0, snapshot.Blocks.Count).Select(block => CellOf(block, snapshot))],
        [.. snapshot.Sequences.Select(sequence => new BlockTableRow(
            OwnerOf(sequence.Request),
            sequence.Blocks.Count > 0
                ? string.Create(CultureInfo.InvariantCulture, $"{sequence.ComputedTokens} tokens")
                : "waits",
            sequence.Blocks))],
        [.. _events]);

    private BlockCell CellOf(int block, EngineSnapshot snapshot)
    {
        var holders = snapshot.Sequences.Where(sequence => sequence.Blocks.Contains(block)).ToList();
        BlockOwner[] owners = [.. holders.Select(sequence => sequence.Request).Distinct().Select(OwnerOf)];
        return snapshot.Blocks[block] switch
        {
            BlockUse.Cached => new BlockCell(
                BlockState.Cached,
                owners,
                _holders[block] >= 0 ? [OwnerOf(_holders[block])] : owners,
                snapshot.BlockSize),
            BlockUse.Shared => new BlockCell(BlockState.Shared, owners, owners, Tokens()),
            BlockUse.Held => new BlockCell(BlockState.Held, owners, owners, Tokens()),
            _ => new BlockCell(BlockState.Free, owners, owners, Tokens()),
        };

        int Tokens() =>
            holders.Select(sequence => TokensIn(sequence, sequence.Blocks.ToList().IndexOf(block), snapshot.BlockSize))
                .DefaultIfEmpty(0)
                .Max();
    }

    private static BlockOwner OwnerOf(long request) => new(request, Name(request));

    private static int TokensIn(SequenceSnapshot sequence, int place, int blockSize) =>
        Math.Clamp(sequence.ComputedTokens - (place * blockSize), 0, blockSize);

    private static string List(IReadOnlyList<int> blocks) => blocks.Count switch
    {
        0 => "nothing",
        1 => string.Create(CultureInfo.InvariantCulture, $"block {blocks[0]}"),
        _ => string.Create(
            CultureInfo.InvariantCulture,
            $"blocks {string.Join(", ", blocks.Take(blocks.Count - 1))} and {blocks[^1]}"),
    };
}
