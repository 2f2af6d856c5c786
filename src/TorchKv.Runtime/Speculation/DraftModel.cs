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
internal sealed class DraftModel : IDraftSource, IDisposable
{
    private readonly IModelRunner _runner;
    private readonly TimeProvider _time;
    private readonly KvBlocks _blocks;
    private readonly Sampler _sampler;
    private readonly Dictionary<Sequence, DraftCache> _caches = [];
    private readonly List<DraftedSequence> _unfinished = [];
    private readonly List<(DraftedSequence Drafts, int Tokens)> _planned = [];
    private readonly RunnerRow[] _rows;
    private readonly float[] _logits;

    /// <param name="runner">Runs the draft model; owned and disposed.</param>
    /// <param name="maxRows">The most sequences that run at once.</param>
    /// <param name="time">Measures its steps.</param>
    public DraftModel(IModelRunner runner, int maxRows, TimeProvider time)
    {
        _runner = runner;
        _time = time;
        _blocks = new KvBlocks(new BlockPool(runner.BlockCount), runner.BlockSize);
        _sampler = new Sampler(runner.Model.VocabSize);
        _rows = new RunnerRow[Math.Min(maxRows, runner.MaxTokensPerStep)];
        _logits = new float[_rows.Length * runner.Model.VocabSize];
    }

    /// <summary>Its blocks.</summary>
    public BlockPool Pool => _blocks.Pool;

    /// <summary>
    /// High: a draft model is chosen to agree with the model. It has to be tried to find out how often it does.
    /// </summary>
    public double UsualAcceptance => 0.7;

    /// <summary>The times of its steps, by the number of sequences that get one draft each.</summary>
    public StepTimes Times { get; } = new();

    /// <summary>As many as the context has room for; they are made once it is known how many are wanted.</summary>
    public int Offer(DraftedSequence sequence, int most) =>
        Math.Max(0, Math.Min(most, _runner.Model.ContextLength - sequence.Sequence.CommittedCount));

    public void Draft(IReadOnlyList<DraftedSequence> sequences, CancellationToken cancellationToken)
    {
        _unfinished.Clear();
        try
        {
            foreach (var drafts in sequences)
            {
                if (drafts.Source == this && drafts.Granted > 0)
                {
                    CacheOf(drafts.Sequence).SetText(drafts.Sequence.Committed);
                    _unfinished.Add(drafts);
                }
            }

            while (Step(cancellationToken))
            {
            }
        }
        finally
        {
            foreach (var drafts in sequences)
            {
                drafts.Constraint?.EndDrafts();
            }
        }
    }

    /// <summary>Releases a sequence's blocks.</summary>
    public void Forget(Sequence sequence)
    {
        if (_caches.Remove(sequence, out var cache))
        {
            cache.Table.Clear();
        }
    }

    /// <summary>Releases every block: after a failure nothing that is stored can be trusted.</summary>
    public void ForgetAll()
    {
        foreach (var cache in _caches.Values)
        {
            cache.Table.Clear();
        }

        _caches.Clear();
    }

    public void Dispose() => _runner.Dispose();

    private DraftCache CacheOf(Sequence sequence)
    {
        if (!_caches.TryGetValue(sequence, out var cache))
        {
            _caches[sequence] = cache = new DraftCache(_blocks.NewTable());
        }

        return cache;
    }

    /// <summary>Makes the next draft of every sequence that is to have more. False where none is.</summary>
    private bool Step(CancellationToken cancellationToken)
    {
        var count = Plan();
        if (count == 0)
        {
            return false;
        }

        var began = _time.GetTimestamp();
        _runner.Step(_rows.AsSpan(0, count), _logits, cancellationToken);
        var vocabulary = _runner.Model.VocabSize;
        var (at, draftsAlone) = (0, true);
        foreach (var (drafts, tokens) in _planned)
        {
            var cache = _caches[drafts.Sequence];
            draftsAlone &= tokens == 1;
            cache.Table.Advance(tokens);
            if (cache.Pending == 0)
            {
                if (!TrySample(drafts, cache, _logits.AsSpan(at, vocabulary))
                    || drafts.Tokens.Length >= drafts.Granted)
                {
                    _unfinished.Remove(drafts);
                }

                at += vocabulary;
            }
        }

        if (draftsAlone)
        {
            Times.Record(count, _time.GetElapsedTime(began).TotalSeconds);
        }

        return true;
    }

    /// <summary>Lays out a row for each sequence that is to have more drafts; gives the number of rows.</summary>
    private int Plan()
    {
        _planned.Clear();
        var room = _runner.MaxTokensPerStep;
        for (var i = 0; i < _unfinished.Count && room > 0 && _planned.Count < _rows.Length; i++)
        {
            var cache = _caches[_unfinished[i].Sequence];
            var tokens = Math.Min(cache.Pending, room);
            if (!TryReserve(cache.Table, tokens))
            {
                _unfinished.RemoveAt(i--);
                continue;
            }

            _rows[_planned.Count] = new RunnerRow(
                cache.Next(tokens),
                cache.Table.TokenCount,
                cache.Table.Blocks,
                tokens == cache.Pending ? LogitsWanted.Last : LogitsWanted.None);
            _planned.Add((_unfinished[i], tokens));
            room -= tokens;
        }

        return _planned.Count;
    }

    /// <summary>
    /// Chooses a draft with the draw that the sequence will choose its token with. False where no draft may follow.
    /// </summary>
    private bool TrySample(DraftedSequence drafts, DraftCache cache, Span<float> logits)
    {
        if (drafts.Constraint?.TryMaskDraft(logits) == false)
        {
            return false;
        }

        var step = cache.Tokens.Length - drafts.Sequence.Request.PromptLength;
        var draft = _sampler.Sample(logits, cache.Tokens, drafts.Rules, null, drafts.Seed, step);
        if (drafts.Constraint?.TryDraft(draft) == false)
        {
            // It would end the text.
            return false;
        }

        cache.Add(draft);
        drafts.Add(draft);
        return true;
    }

    private bool TryReserve(BlockTable table, int tokens)
    {
        while (!table.TryReserve(tokens, out _))
        {
            // A sequence without drafts in this step gives its blocks; they are computed again when it has some.
            var idle = _caches.FirstOrDefault(
                other => other.Value.Table.BlockCount > 0
                    && !_unfinished.Exists(drafts => drafts.Sequence == other.Key));
            if (idle.Key is null)
            {
                return false;
            }

            Forget(idle.Key);
        }

        return true;
    }
}
