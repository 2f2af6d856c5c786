using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Speculation;

/// <summary>
/// Drafts tokens for the sequences that decode, where their request asks for it: as many as are expected to raise
/// tokens per second. It never decides which token is chosen.
/// </summary>
internal sealed class Drafter : IDisposable
{
    // The limits of drafts of a request that asks for none and has a constraint.
    private static readonly SpeculationOptions s_forcedOnly = new();

    private readonly DraftModel? _model;
    private readonly StepTimes _times = new();
    private readonly StepForecast _forecast;
    private readonly Dictionary<Request, Drafting> _requests = [];

    /// <param name="draft">
    /// The draft model's runner, which is owned and disposed; null: drafts come from the text alone.
    /// </param>
    /// <param name="maxSequences">The most sequences that run at once.</param>
    /// <param name="time">Measures the draft model's steps.</param>
    public Drafter(IModelRunner? draft, int maxSequences, TimeProvider time)
    {
        _model = draft is null ? null : new DraftModel(draft, maxSequences, time);
        _forecast = new StepForecast(_times);
    }

    /// <summary>The draft model's blocks; null where there is no draft model.</summary>
    public BlockPool? Pool => _model?.Pool;

    /// <summary>
    /// Drafts for a request from now on: as it asks, and the tokens that its constraint leaves no choice about. Does
    /// nothing where it has neither.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="rules">Its options.</param>
    /// <param name="seed">Its seed.</param>
    /// <param name="maxTotalTokens">Prompt and generated tokens at most.</param>
    /// <param name="constraints">Each sequence's constraint; null: none.</param>
    public void StartRequest(
        Request request,
        TokenRules rules,
        ulong seed,
        int maxTotalTokens,
        IReadOnlyList<SequenceConstraint>? constraints)
    {
        if (rules.Options.Speculation is not null || (constraints is not null && rules.Options.Beams is null))
        {
            _requests.Add(request, new Drafting(rules, constraints, seed, maxTotalTokens));
        }
    }

    /// <summary>Forgets a request.</summary>
    public void EndRequest(Request request)
    {
        if (_requests.Remove(request))
        {
            request.Sequences.ForEach(EndSequence);
        }
    }

    /// <summary>Releases the draft model's blocks of a sequence.</summary>
    public void EndSequence(Sequence sequence) => _model?.Forget(sequence);

    /// <summary>Records the time of a step in which every token's logits were wanted.</summary>
    public void RecordStep(int tokens, double seconds) => _times.Record(tokens, seconds);

    /// <summary>Drafts for every sequence that decodes, where its request asks for it.</summary>
    /// <param name="running">The running requests, by rank.</param>
    /// <param name="cancellationToken">Ends the draft model's step.</param>
    public void Draft(IReadOnlyList<Request> running, CancellationToken cancellationToken)
    {
        if (_requests.Count == 0 || !IsAnyRunning(running))
        {
            return;
        }

        _times.Tick(again: true);
        _model?.Tick();
        _forecast.Begin(CountDecodes(running));
        for (var i = 0; i < running.Count; i++)
        {
            if (_requests.TryGetValue(running[i], out var drafting))
            {
                foreach (var sequence in running[i].Sequences)
                {
                    if (Scheduler.IsDecoding(sequence))
                    {
                        Draft(sequence, drafting);
                    }
                }
            }
        }

        RunModel(running, cancellationToken);
    }

    /// <summary>Compares a sequence's drafts with the tokens that were chosen.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="position">Where the first chosen token stands in the text.</param>
    /// <param name="accepted">Drafts that are part of the text now.</param>
    /// <param name="next">The token after them; null where the text ended.</param>
    public void Settle(Sequence sequence, int position, int accepted, int? next)
    {
        if (_requests.TryGetValue(sequence.Request, out var drafting))
        {
            drafting.Of(sequence.Index).Settle(position, accepted, next);
        }
    }

    public void Dispose() => _model?.Dispose();

    private bool IsAnyRunning(IReadOnlyList<Request> running)
    {
        for (var i = 0; i < running.Count; i++)
        {
            if (_requests.ContainsKey(running[i]))
            {
                return true;
            }
        }

        return false;
    }

    private static int CountDecodes(IReadOnlyList<Request> running)
    {
        var decodes = 0;
        for (var i = 0; i < running.Count; i++)
        {
            foreach (var sequence in running[i].Sequences)
            {
                decodes += Scheduler.IsDecoding(sequence) ? 1 : 0;
            }
        }

        return decodes;
    }

    private void Draft(Sequence sequence, Drafting drafting)
    {
        // The last token of all needs no draft: its logits are computed anyway.
        var speculation = drafting.Rules.Options.Speculation;
        var most = Math.Min(
            (speculation ?? s_forcedOnly).MaxDraftTokens, drafting.MaxTotalTokens - 1 - sequence.CommittedCount);
        var drafts = drafting.Of(sequence.Index);
        sequence.KeepDrafts(0);
        drafts.Begin(sequence.CommittedCount);
        if (most <= 0)
        {
            return;
        }

        var constraint = drafting.ConstraintOf(sequence.Index);
        if ((constraint is not null && TryDraftForced(sequence, drafts, constraint, most)) || speculation is null)
        {
            return;
        }

        if (speculation.Source == DraftSource.PromptLookup)
        {
            LookUp(sequence, drafts, constraint, speculation.MinMatch, most);
        }
        else
        {
            _model!.Add(sequence, drafting.Rules, constraint, drafting.SeedOf(sequence.Index), drafts, most);
        }
    }

    /// <summary>
    /// Drafts the tokens that the constraint leaves no choice about; false where the next one is a choice.
    /// </summary>
    private bool TryDraftForced(Sequence sequence, SequenceDrafts drafts, SequenceConstraint constraint, int most)
    {
        Span<int> forced = stackalloc int[most];
        var count = constraint.WriteForced(forced);
        for (var i = 0; i < count; i++)
        {
            drafts.Add(forced[i], drafts.ForcedKind);
        }

        sequence.SetDrafts(forced[.._forecast.AddWorthwhile(drafts.Chain)]);
        return count > 0;
    }

    private void LookUp(
        Sequence sequence, SequenceDrafts drafts, SequenceConstraint? constraint, int minMatch, int most)
    {
        Span<int> found = stackalloc int[most];
        var match = PromptLookup.Find(sequence.Tokens, minMatch, found);
        var count = match == 0 ? 0 : constraint?.CountAllowed(found) ?? most;
        for (var i = 0; i < count; i++)
        {
            drafts.Add(found[i], SequenceDrafts.KindOfMatch(match + i));
        }

        sequence.SetDrafts(found[.._forecast.AddWorthwhile(drafts.Chain)]);
    }

    private void RunModel(IReadOnlyList<Request> running, CancellationToken cancellationToken)
    {
        if (_model is null)
        {
            return;
        }

        try
        {
            _model.Run(_forecast, cancellationToken);
        }
        catch (Exception)
        {
            // Drafts only save time: this step runs without them, and the draft model computes everything again.
            _model.ForgetAll();
            for (var i = 0; i < running.Count; i++)
            {
                running[i].Sequences.ForEach(sequence => sequence.KeepDrafts(0));
            }
        }
    }

    /// <summary>One request's options and its sequences' drafts.</summary>
    private sealed class Drafting(
        TokenRules rules,
        IReadOnlyList<SequenceConstraint>? constraints,
        ulong seed,
        int maxTotalTokens)
    {
        private readonly SequenceDrafts?[] _sequences = new SequenceDrafts?[rules.Options.Samples];

        public TokenRules Rules => rules;

        public int MaxTotalTokens => maxTotalTokens;

        public ulong SeedOf(int sequence) => Sampler.SeedOf(seed, sequence);

        public SequenceConstraint? ConstraintOf(int sequence) => constraints?[sequence];

        public SequenceDrafts Of(int sequence) =>
            _sequences[sequence] ??= new SequenceDrafts((rules.Options.Speculation ?? s_forcedOnly).Source);
    }
}
