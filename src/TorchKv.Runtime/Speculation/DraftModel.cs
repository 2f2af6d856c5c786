using System.Runtime.InteropServices;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Speculation;

/// <summary>A small model that drafts for many sequences at once, over a pool of its own.</summary>
/// <remarks>
/// It samples as the sequence itself will, by the same seed and step: with the same draw, two models that agree on the
/// distribution choose the same token. Its cache is kept from step to step and cut back to the tokens that were chosen.
/// </remarks>
internal sealed class DraftModel : IDisposable
{
    /// <summary>Drafts that are made where drafting does not seem worthwhile, to measure it anew.</summary>
    private const int ProbeDrafts = 3;

    private readonly IModelRunner _runner;
    private readonly TimeProvider _time;
    private readonly StepTimes _times = new();
    private readonly BlockPool _pool;
    private readonly Sampler _sampler;
    private readonly Dictionary<Sequence, State> _states = [];
    private readonly List<Job> _jobs = [];
    private readonly RunnerRow[] _rows;
    private readonly float[] _logits;

    /// <param name="runner">Runs the draft model; owned and disposed.</param>
    /// <param name="maxRows">The most sequences that run at once.</param>
    /// <param name="time">Measures its steps.</param>
    public DraftModel(IModelRunner runner, int maxRows, TimeProvider time)
    {
        _runner = runner;
        _time = time;
        _pool = new BlockPool(runner.BlockCount);
        _sampler = new Sampler(runner.Model.VocabSize);
        _rows = new RunnerRow[Math.Min(maxRows, runner.MaxTokensPerStep)];
        _logits = new float[_rows.Length * runner.Model.VocabSize];
    }

    /// <summary>Its blocks.</summary>
    public BlockPool Pool => _pool;

    /// <summary>Counts a step of the engine.</summary>
    public void Tick() => _times.Tick(again: false);

    /// <summary>Adds a sequence to draft for in the next <see cref="Run"/>.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="rules">How its tokens are chosen.</param>
    /// <param name="constraint">Which tokens it may have; null: all.</param>
    /// <param name="seed">Its seed.</param>
    /// <param name="drafts">Receives the drafts.</param>
    /// <param name="wanted">The most drafts.</param>
    public void Add(
        Sequence sequence,
        TokenRules rules,
        SequenceConstraint? constraint,
        ulong seed,
        SequenceDrafts drafts,
        int wanted)
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

        // Rejected drafts are cut off. One token at least is computed, since its logits are wanted.
        var tokens = sequence.Committed;
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
        _jobs.Add(new Job(sequence, state, rules, constraint, seed, drafts, wanted));
    }

    /// <summary>
    /// Drafts for the sequences that were added, as far ahead as is worthwhile, and sets the drafts that are to be
    /// verified.
    /// </summary>
    /// <param name="forecast">The step that will verify them.</param>
    /// <param name="cancellationToken">Ends the draft model's step.</param>
    public void Run(StepForecast forecast, CancellationToken cancellationToken)
    {
        try
        {
            foreach (var job in _jobs)
            {
                // Where drafting is not worthwhile, it happens now and then all the same, to measure its time anew.
                var isWorthwhile = IsWorthwhile(job, forecast);
                job.IsDone = !job.Drafts.IsDraftDue(isWorthwhile);
                job.Least = Math.Min(job.Wanted, isWorthwhile ? 0 : ProbeDrafts);
            }

            while (Step(forecast, cancellationToken))
            {
            }

            forecast.ForgetPromises();
            foreach (var job in _jobs)
            {
                job.Sequence.SetDrafts(job.Drafts.Tokens[..forecast.AddWorthwhile(job.Drafts.Chain)]);
            }
        }
        finally
        {
            foreach (var job in _jobs)
            {
                job.Constraint?.EndDrafts();
            }

            _jobs.Clear();
        }
    }

    /// <summary>Releases a sequence's blocks.</summary>
    public void Forget(Sequence sequence)
    {
        if (_states.Remove(sequence, out var state))
        {
            state.Table.Clear();
        }
    }

    /// <summary>Releases every block: after a failure nothing that is stored can be trusted.</summary>
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

    /// <summary>Whether one more draft is expected to give more tokens than its time would give without it.</summary>
    private bool IsWorthwhile(Job job, StepForecast forecast) =>
        forecast.IsWorthwhile(
            job.Drafts.AllAccepted * job.Drafts.FirstAccepted,
            StepSeconds(forecast) / Math.Max(1, _jobs.Count(j => !j.IsDone)));

    private double StepSeconds(StepForecast forecast) =>
        _times.IsKnown && forecast.IsKnown
            ? _times.Of(Math.Max(1, _jobs.Count(j => !j.IsDone)))
            : 0.1 * forecast.Seconds(0);

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
            _rows[count++] = new RunnerRow(
                memory,
                table.TokenCount,
                table.Blocks,
                samples ? LogitsWanted.Last : LogitsWanted.None);
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
                Sample(job, _logits.AsSpan(at, vocabulary), forecast);
                at += vocabulary;
            }
        }

        var seconds = _time.GetElapsedTime(began).TotalSeconds;
        forecast.Spend(forecast.IsKnown ? seconds : StepSeconds(forecast));
        if (planned.TrueForAll(p => p.Tokens == 1))
        {
            _times.Record(count, seconds);
        }

        foreach (var (job, _, samples) in planned)
        {
            job.IsDone |= samples
                && job.Drafts.Tokens.Length >= job.Least
                && (job.Drafts.Tokens.Length >= job.Wanted || !IsWorthwhile(job, forecast));
        }

        return true;
    }

    /// <summary>Chooses a draft with the draw that the sequence will choose its token with.</summary>
    private void Sample(Job job, Span<float> logits, StepForecast forecast)
    {
        var history = CollectionsMarshal.AsSpan(job.State.Tokens);
        var step = history.Length - job.Sequence.Request.PromptLength;
        if (job.Constraint?.TryMaskDraft(logits) == false)
        {
            job.IsDone = true;
            return;
        }

        var draft = _sampler.SampleWithLogProbabilities(logits, history, job.Rules, null, job.Seed, step, []);
        if (job.Constraint?.TryDraft(draft.Id) == false)
        {
            // It would end the text.
            job.IsDone = true;
            return;
        }

        job.State.Tokens.Add(draft.Id);
        job.Drafts.Add(draft.Id, SequenceDrafts.KindOfConfidence(Math.Exp(draft.LogProbability)));
        forecast.Promise(job.Drafts.AllAccepted);
    }

    private bool TryReserve(BlockTable table, int tokens)
    {
        while (!table.TryReserve(tokens, out _))
        {
            // A sequence without drafts in this step gives its blocks; they are computed again when it has some.
            var idle = _states.FirstOrDefault(
                s => s.Value.Table.BlockCount > 0 && _jobs.TrueForAll(job => job.State != s.Value));
            if (idle.Key is null)
            {
                return false;
            }

            Forget(idle.Key);
        }

        return true;
    }

    /// <summary>What the draft model has of one sequence.</summary>
    private sealed class State(BlockTable table)
    {
        public BlockTable Table { get; } = table;

        /// <summary>The tokens that the table holds, and those drafted after them.</summary>
        public List<int> Tokens { get; } = [];
    }

    /// <summary>One sequence to draft for.</summary>
    private sealed record Job(
        Sequence Sequence,
        State State,
        TokenRules Rules,
        SequenceConstraint? Constraint,
        ulong Seed,
        SequenceDrafts Drafts,
        int Wanted)
    {
        /// <summary>Drafts to make in any case.</summary>
        public int Least { get; set; }

        /// <summary>Whether it has all drafts that are worthwhile, or all that it can have.</summary>
        public bool IsDone { get; set; }
    }
}
