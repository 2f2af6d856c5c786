using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;

namespace TorchKv.Runtime.Speculation;

/// <summary>A small model that guesses for many sequences at once, over a pool of its own.</summary>
/// <remarks>
/// It samples as the sequence itself will, by the same seed and step: with the same draw, two models that agree on the
/// distribution choose the same token. Its cache is kept from step to step and cut back to what the text turned out to be.
/// </remarks>
internal sealed class DraftModel : IDisposable
{
    private const int ProbeGuesses = 3;

    private readonly IModelRunner _runner;
    private readonly TimeProvider _time;
    private readonly StepTimes _times = new();
    private readonly BlockPool _pool;
    private readonly Sampler _sampler;
    private readonly Dictionary<Sequence, State> _states = [];
    private readonly List<Job> _jobs = [];
    private readonly RunnerRow[] _rows;
    private readonly float[] _logits;

    public DraftModel(IModelRunner runner, int maxRows, TimeProvider time)
    {
        _runner = runner;
        _time = time;
        _pool = new BlockPool(runner.BlockCount);
        _sampler = new Sampler(runner.Model.VocabSize);
        _rows = new RunnerRow[Math.Min(maxRows, runner.MaxTokensPerStep)];
        _logits = new float[_rows.Length * runner.Model.VocabSize];
    }

    public BlockPool Pool => _pool;

    /// <summary>Counts a step of the engine's.</summary>
    public void Tick() => _times.Tick(again: false);

    private sealed class State(BlockTable table)
    {
        public BlockTable Table { get; } = table;

        /// <summary>The tokens that the table holds, and those guessed after them.</summary>
        public List<int> Tokens { get; } = [];
    }

    private sealed record Job(Sequence Sequence, State State, GenerationOptions Options, RowOutput Row, int Wanted)
    {
        public int Committed { get; } = Sequence.CommittedCount;

        public DraftPace Pace { get; } = Row.Pace!;

        /// <summary>Guesses that it is asked for in any case.</summary>
        public int Least { get; set; }

        /// <summary>Whether it has all the guesses that are worth their time, or that it can have.</summary>
        public bool IsDone { get; set; }
    }

    public void Add(Sequence sequence, GenerationOptions options, RowOutput row, int wanted)
    {
        wanted = Math.Min(wanted, _runner.Model.ContextLength - sequence.CommittedCount);
        if (wanted <= 0)
        {
            return;
        }

        if (!_states.TryGetValue(sequence, out var state))
        {
            _states[sequence] = state = new State(new BlockTable(_pool, _runner.BlockSize));
        }

        // What was guessed and did not come is cut off; one token at least is computed for its logits.
        var tokens = sequence.Tokens[..sequence.CommittedCount];
        var same = 0;
        while (same < state.Tokens.Count && same < tokens.Length && state.Tokens[same] == tokens[same])
        {
            same++;
        }

        state.Tokens.Clear();
        foreach (var token in tokens)
        {
            state.Tokens.Add(token);
        }

        state.Table.Truncate(Math.Min(state.Table.TokenCount, Math.Min(same, tokens.Length - 1)));
        _jobs.Add(new Job(sequence, state, options, row, wanted));
    }

    /// <summary>Guesses for the sequences that were added as far ahead as it is worth, and sets the drafts that are to be verified.</summary>
    /// <param name="forecast">The step that will verify them.</param>
    /// <param name="cancellationToken">Ends the draft model's step.</param>
    public void Run(StepForecast forecast, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var job in _jobs)
            {
                // One that is not worth its time is asked now and then for so many that its time is measured anew.
                var isWorthwhile = IsWorthwhile(job, forecast);
                job.IsDone = !job.Pace.IsDraftDue(isWorthwhile);
                job.Least = Math.Min(job.Wanted, isWorthwhile ? 0 : ProbeGuesses);
            }

            while (Step(forecast, cancellationToken))
            {
            }

            forecast.ForgetPromises();
            foreach (var job in _jobs)
            {
                job.Sequence.SetDrafts(job.Pace.Tokens[..forecast.Take(job.Pace.Chain)]);
            }
        }
        finally
        {
            _jobs.Clear();
        }
    }

    /// <summary>Whether one more guess is expected to give more tokens than its time would without.</summary>
    private bool IsWorthwhile(Job job, StepForecast forecast) =>
        forecast.IsWorthwhile(job.Pace.AllHold * job.Pace.FirstHolds, GuessSeconds(forecast) / Math.Max(1, _jobs.Count(j => !j.IsDone)));

    private double GuessSeconds(StepForecast forecast) =>
        _times.IsKnown && forecast.IsKnown ? _times.Of(Math.Max(1, _jobs.Count(j => !j.IsDone))) : 0.1 * forecast.Seconds(0);

    public void Forget(Sequence sequence)
    {
        if (_states.Remove(sequence, out var state))
        {
            state.Table.Clear();
        }
    }

    /// <summary>After a failure: nothing that is stored is trusted.</summary>
    public void ForgetAll()
    {
        foreach (var state in _states.Values)
        {
            state.Table.Clear();
        }

        _states.Clear();
        _jobs.Clear();
    }

    public void Dispose() => _runner.Dispose();

    private bool Step(StepForecast forecast, CancellationToken cancellationToken)
    {
        var budget = _runner.MaxTokensPerStep;
        var count = 0;
        var planned = new List<(Job Job, int Tokens, bool Samples)>();
        foreach (var job in _jobs)
        {
            var table = job.State.Table;
            var pending = job.State.Tokens.Count - table.TokenCount;
            if (job.IsDone || budget == 0 || count == _rows.Length)
            {
                continue;
            }

            var tokens = Math.Min(pending, budget);
            if (!TryReserve(table, tokens))
            {
                job.IsDone = true;
                continue;
            }

            var samples = tokens == pending;
            var memory = job.State.Tokens.GetRange(table.TokenCount, tokens).ToArray();
            _rows[count++] = new RunnerRow(memory, table.TokenCount, table.Blocks, samples ? LogitsWanted.Last : LogitsWanted.None);
            planned.Add((job, tokens, samples));
            budget -= tokens;
        }

        if (count == 0)
        {
            return false;
        }

        var began = _time.GetTimestamp();
        _runner.Step(_rows.AsSpan(0, count), _logits, cancellationToken);
        var vocabulary = _runner.Model.VocabSize;
        var at = 0;
        foreach (var (job, tokens, samples) in planned)
        {
            job.State.Table.Advance(tokens);
            if (samples)
            {
                var history = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(job.State.Tokens);
                var step = job.Row.Count + history.Length - job.Committed;
                var guess = _sampler.SampleWithLogProbabilities(_logits.AsSpan(at, vocabulary), history, job.Options, job.Row.Seed, step, []);
                job.State.Tokens.Add(guess.Id);
                job.Pace.Add(guess.Id, DraftPace.KindOfConfidence(Math.Exp(guess.LogProbability)));
                forecast.Promise(job.Pace.AllHold);
                at += vocabulary;
            }
        }

        var seconds = _time.GetElapsedTime(began).TotalSeconds;
        forecast.Spend(forecast.IsKnown ? seconds : GuessSeconds(forecast));
        if (planned.TrueForAll(p => p.Tokens == 1))
        {
            _times.Note(count, seconds);
        }

        foreach (var (job, _, samples) in planned)
        {
            job.IsDone |= samples && job.Pace.Tokens.Length >= job.Least && (job.Pace.Tokens.Length >= job.Wanted || !IsWorthwhile(job, forecast));
        }

        return true;
    }

    private bool TryReserve(BlockTable table, int tokens)
    {
        while (!table.TryReserve(tokens, out _))
        {
            // A sequence that does not guess in this step gives its blocks; it computes them again when it does.
            var idle = _states.FirstOrDefault(s => s.Value.Table.BlockCount > 0 && _jobs.TrueForAll(job => job.State != s.Value));
            if (idle.Key is null)
            {
                return false;
            }

            Forget(idle.Key);
        }

        return true;
    }
}
