using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Speculation;

namespace TorchKv.Runtime.Serving;

/// <content>Speculative decoding.</content>
internal sealed partial class EngineLoop
{
    private readonly DraftModel? _draft;
    private readonly StepTimes _times = new();
    private readonly StepForecast _forecast;

    /// <summary>Guesses for every sequence that decodes and whose request asks for it.</summary>
    private void ProposeDrafts()
    {
        if (!_scheduler.Running.Any(r => ((GenerationRequest)r).Options.Speculation is not null))
        {
            return;
        }

        _times.Tick(again: true);
        _draft?.Tick();
        _forecast.Begin(CountDecodes());
        foreach (var scheduled in _scheduler.Running)
        {
            var request = (GenerationRequest)scheduled;
            if (request.Options.Speculation is not { } speculation)
            {
                continue;
            }

            foreach (var sequence in request.Sequences)
            {
                if (!Scheduler.IsDecoding(sequence))
                {
                    continue;
                }

                // The last token of all is chosen from logits that are there anyway.
                var row = request.Rows[sequence.Branch];
                var most = Math.Min(speculation.MaxDraftTokens, request.MaxTotalTokens - 1 - sequence.CommittedCount);
                sequence.KeepDrafts(0);
                row.Pace!.Begin(sequence.CommittedCount);
                if (most <= 0)
                {
                    continue;
                }

                if (speculation.Source == DraftSource.PromptLookup)
                {
                    LookUp(sequence, row.Pace, speculation.MinMatch, most);
                }
                else
                {
                    _draft!.Add(sequence, request.Options, row, most);
                }
            }
        }

        RunDraft();
    }

    private int CountDecodes()
    {
        var decodes = 0;
        foreach (var request in _scheduler.Running)
        {
            foreach (var sequence in request.Sequences)
            {
                decodes += Scheduler.IsDecoding(sequence) ? 1 : 0;
            }
        }

        return decodes;
    }

    private void LookUp(Sequence sequence, DraftPace pace, int minMatch, int most)
    {
        Span<int> guesses = stackalloc int[most];
        var match = PromptLookup.Find(sequence.Tokens, minMatch, guesses);
        for (var i = 0; match > 0 && i < most; i++)
        {
            pace.Add(guesses[i], DraftPace.KindOfMatch(match + i));
        }

        sequence.SetDrafts(guesses[.._forecast.Take(pace.Chain)]);
    }

    private void RunDraft()
    {
        if (_draft is null)
        {
            return;
        }

        try
        {
            _draft.Run(_forecast, _stop.Token);
        }
        catch (Exception)
        {
            // Guesses are not needed: the text goes on without, and the draft model starts anew.
            _draft.ForgetAll();
            foreach (var request in _scheduler.Running)
            {
                request.Sequences.ForEach(sequence => sequence.KeepDrafts(0));
            }
        }
    }

    /// <summary>Counts what became of a sequence's guesses.</summary>
    /// <param name="row">The sequence's row.</param>
    /// <param name="position">Where the first token that came stands in the text.</param>
    /// <param name="drafted">Guesses that were put to the model.</param>
    /// <param name="accepted">Of these the ones that it chose too.</param>
    /// <param name="next">What it chose after them; null where the text ended before.</param>
    private void CountDrafts(RowOutput row, int position, int drafted, int accepted, int? next)
    {
        row.Pace?.Settle(position, accepted, next);
        _totals = _totals with { DraftedTokens = _totals.DraftedTokens + drafted, AcceptedDraftTokens = _totals.AcceptedDraftTokens + accepted };
    }

    private void ForgetDrafts(Sequence sequence) => _draft?.Forget(sequence);
}
