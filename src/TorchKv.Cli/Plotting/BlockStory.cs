using System.Globalization;
using TorchKv.Runtime;
using TorchKv.Runtime.Serving;

namespace TorchKv.Cli.Plotting;

/// <summary>The pool after a step.</summary>
/// <param name="Step">Which, from 1.</param>
/// <param name="Time">Virtual seconds at its end.</param>
/// <param name="Snapshot">Pool and tables.</param>
/// <param name="LastHolders">For each block the request that held it last, or −1.</param>
/// <param name="Events">What changed hands in this step, and in those before it since the frame before.</param>
internal sealed record BlockFrame(long Step, double Time, EngineSnapshot Snapshot, IReadOnlyList<long> LastHolders, IReadOnlyList<string> Events);

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
    public bool Tell(Simulation simulation)
    {
        if (!simulation.TryPlan())
        {
            return false;
        }

        Planned(simulation.Snapshot());
        simulation.RunPlan();
        Ran(simulation.Steps, simulation.Time, simulation.Snapshot());
        return true;
    }

    /// <summary>What a request is called: A, B, … Z, A1, B1, …</summary>
    public static string Name(long request) =>
        string.Create(CultureInfo.InvariantCulture, $"{(char)('A' + (request % 26))}{(request < 26 ? "" : (request / 26).ToString(CultureInfo.InvariantCulture))}");

    private void Planned(EngineSnapshot snapshot)
    {
        if (_holders.Length == 0)
        {
            _holders = new long[snapshot.Blocks.Count];
            Array.Fill(_holders, -1);
        }

        // Who gave blocks away first, since others may have taken them.
        foreach (var sequence in snapshot.Sequences.OrderBy(sequence => sequence.IsRunning).ThenBy(sequence => sequence.Request))
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
                _events.Add($"{name} {(before.HasRun ? "goes on" : "begins")}: {(found.Length > 0 ? $"finds {List(found)} in the index" : "")}{(found.Length > 0 && taken.Length > 0 ? ", " : "")}{(taken.Length > 0 ? $"takes {List(taken)}" : "")}");
            }
            else if (sequence.Blocks.Except(before.Blocks).ToArray() is { Length: > 0 } grown)
            {
                _events.Add($"{name} takes {List(grown)}");
            }

            _known[sequence.Request] = new Known([.. sequence.Blocks], before.HasRun || sequence.IsRunning, sequence.IsRunning);
            foreach (var block in sequence.Blocks)
            {
                _holders[block] = sequence.Request;
            }
        }
    }

    private void Ran(long step, double time, EngineSnapshot snapshot)
    {
        var live = snapshot.Sequences.Select(sequence => sequence.Request).ToHashSet();
        foreach (var (request, known) in _known.Where(pair => !live.Contains(pair.Key)).OrderBy(pair => pair.Key).ToArray())
        {
            _events.Add($"{Name(request)} ends and gives back {List(known.Blocks)}");
            _known.Remove(request);
        }

        var wanted = _steps is null ? _events.Count > 0 : Array.IndexOf(_steps, (int)Math.Min(step, int.MaxValue)) >= 0;
        if (wanted && !IsFull)
        {
            _frames.Add(new BlockFrame(step, time, snapshot, [.. _holders], [.. _events]));
            _events.Clear();
        }
    }

    private static string List(IReadOnlyList<int> blocks) => blocks.Count switch
    {
        0 => "nothing",
        1 => string.Create(CultureInfo.InvariantCulture, $"block {blocks[0]}"),
        _ => "blocks " + string.Join(", ", blocks.Take(blocks.Count - 1)) + string.Create(CultureInfo.InvariantCulture, $" and {blocks[^1]}"),
    };
}
