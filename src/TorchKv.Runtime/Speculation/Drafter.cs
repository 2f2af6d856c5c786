using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Speculation;

/// <summary>
/// Drafts tokens for the sequences that decode, where their request asks for it. Sources offer drafts, and
/// <see cref="DraftBudget"/> says how many of them a step verifies. It never decides which token is chosen.
/// </summary>
internal sealed class Drafter : IDisposable
{
    // The limits of drafts of a request that asks for none and has a constraint.
    private static readonly SpeculationOptions s_forcedOnly = new();

    private readonly ForcedTokens _forced = new();
    private readonly PromptLookup _lookup = new();
    private readonly DraftModel? _model;
    private readonly StepTimes _times = new();
    private readonly DraftBudget _budget;
    private readonly Dictionary<Request, DraftedRequest> _requests = [];
    private readonly List<DraftedSequence> _offered = [];

    /// <param name="draft">
    /// The draft model's runner, which is owned and disposed; null: drafts come from the text alone.
    /// </param>
    /// <param name="maxSequences">The most sequences that run at once.</param>
    /// <param name="time">Measures the draft model's steps.</param>
    public Drafter(IModelRunner? draft, int maxSequences, TimeProvider time)
    {
        _model = draft is null ? null : new DraftModel(draft, maxSequences, time);
        _budget = new DraftBudget(_times);
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
            _requests.Add(request, new DraftedRequest(rules, constraints, seed, maxTotalTokens));
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

        _times.Tick();
        _model?.Times.Tick();
        _offered.Clear();
        var decodes = 0;
        for (var i = 0; i < running.Count; i++)
        {
            var drafted = _requests.GetValueOrDefault(running[i]);
            foreach (var sequence in running[i].Sequences)
            {
                if (Scheduler.IsDecoding(sequence))
                {
                    decodes++;
                    if (drafted is not null)
                    {
                        Offer(sequence, drafted);
                    }
                }
            }
        }

        _budget.Grant(decodes, _offered);
        RunModel(cancellationToken);
        foreach (var drafts in _offered)
        {
            drafts.Sequence.SetDrafts(drafts.Tokens[..Math.Min(drafts.Granted, drafts.Tokens.Length)]);
        }
    }

    /// <summary>Compares a sequence's drafts with the tokens that were chosen.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="position">Where the first chosen token stands in the text.</param>
    /// <param name="accepted">Drafts that are part of the text now.</param>
    /// <param name="next">The token after them; null where the text ended.</param>
    public void Settle(Sequence sequence, int position, int accepted, int? next)
    {
        if (_requests.TryGetValue(sequence.Request, out var drafted))
        {
            drafted.Of(sequence.Index).Settle(position, accepted, next);
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

    /// <summary>Lets the first source that has drafts for a sequence offer them.</summary>
    private void Offer(Sequence sequence, DraftedRequest request)
    {
        // The last token of all needs no draft: its logits are computed anyway.
        var speculation = request.Rules.Options.Speculation;
        var most = Math.Min(
            (speculation ?? s_forcedOnly).MaxDraftTokens, request.MaxTotalTokens - 1 - sequence.CommittedCount);
        var drafts = request.Of(sequence.Index);
        sequence.KeepDrafts(0);
        drafts.Begin(sequence);
        if (most > 0
            && (drafts.TryUse(_forced, most) || (SourceOf(speculation) is { } own && drafts.TryUse(own, most))))
        {
            _offered.Add(drafts);
        }
    }

    private IDraftSource? SourceOf(SpeculationOptions? speculation) =>
        speculation is null ? null : speculation.Source == DraftSource.PromptLookup ? _lookup : _model;

    private void RunModel(CancellationToken cancellationToken)
    {
        if (_model is null)
        {
            return;
        }

        try
        {
            _model.Draft(_offered, cancellationToken);
        }
        catch (Exception)
        {
            // Drafts only save time: this step runs without them, and the draft model computes everything again.
            _model.ForgetAll();
            _offered.RemoveAll(drafts => drafts.Source == _model);
        }
    }

    /// <summary>One request's options and its sequences' drafts.</summary>
    private sealed class DraftedRequest(
        TokenRules rules,
        IReadOnlyList<SequenceConstraint>? constraints,
        ulong seed,
        int maxTotalTokens)
    {
        private readonly DraftedSequence?[] _sequences = new DraftedSequence?[rules.Options.Samples];

        public TokenRules Rules => rules;

        public int MaxTotalTokens => maxTotalTokens;

        public DraftedSequence Of(int sequence) => _sequences[sequence] ??= new DraftedSequence(
            rules, constraints?[sequence], Sampler.SeedOf(seed, sequence));
    }
}
