namespace TorchKv.Runtime;

/// <content>Speculative decoding.</content>
internal sealed partial class EngineLoop
{
    private readonly DraftModel? _draft;

    /// <summary>Guesses for every sequence that decodes and whose request asks for it.</summary>
    private void ProposeDrafts()
    {
        var drafting = false;
        Span<int> guesses = stackalloc int[SpeculationOptions.MostDraftTokens];
        foreach (var scheduled in _scheduler.Running)
        {
            var request = (GenerationRequest)scheduled;
            if (request.Options.Speculation is not { } speculation)
            {
                continue;
            }

            foreach (var sequence in request.Sequences)
            {
                if (sequence.IsFinished || sequence.Pending != 1 || sequence.CommittedCount <= request.PromptLength)
                {
                    continue;
                }

                // The last token of all is chosen from logits that are there anyway.
                var row = request.Rows[sequence.Branch];
                var most = Math.Min(speculation.MaxDraftTokens, request.MaxTotalTokens - 1 - sequence.CommittedCount);
                sequence.KeepDrafts(0);
                if (most <= 0)
                {
                    continue;
                }

                if (speculation.Source == DraftSource.PromptLookup)
                {
                    var match = PromptLookup.Find(sequence.Tokens, speculation.MinMatch, guesses[..most]);
                    if (match > 0)
                    {
                        // A long match is a loop or a quotation: worth all that may be guessed, whatever short ones came to.
                        sequence.SetDrafts(guesses[..(match >= PromptLookup.LongestMatch ? most : row.Pace.Next(most))]);
                    }
                }
                else if (row.Pace.Next(most) is > 0 and var wanted)
                {
                    _draft!.Add(sequence, request.Options, row, wanted);
                    drafting = true;
                }
            }
        }

        if (!drafting)
        {
            return;
        }

        try
        {
            _draft!.Run(_stop.Token);
        }
        catch (Exception)
        {
            // Guesses are not needed: the text goes on without, and the draft model starts anew.
            _draft!.ForgetAll();
            foreach (var request in _scheduler.Running)
            {
                request.Sequences.ForEach(sequence => sequence.KeepDrafts(0));
            }
        }
    }

    private void CountDrafts(GenerationRequest request, Sequence sequence, int drafted, int accepted)
    {
        request.Rows[sequence.Branch].Pace.Note(drafted, accepted);
        _totals = _totals with { DraftedTokens = _totals.DraftedTokens + drafted, AcceptedDraftTokens = _totals.AcceptedDraftTokens + accepted };
    }

    private void ForgetDrafts(Sequence sequence) => _draft?.Forget(sequence);
}
