using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Speculation;

/// <summary>Drafts the tokens of the text that a constraint leaves no choice about.</summary>
internal sealed class ForcedTokens : IDraftSource
{
    /// <summary>
    /// Below 1: the text is forced, but the model may cut it into other tokens than the tokenizer does.
    /// </summary>
    public double UsualAcceptance => 0.9;

    /// <summary>The constraint knows them.</summary>
    public StepTimes? Times => null;

    public int Offer(DraftedSequence sequence, int most)
    {
        Span<int> forced = stackalloc int[SpeculationOptions.MostDraftTokens];
        var count = sequence.Constraint?.WriteForced(forced[..most]) ?? 0;
        foreach (var token in forced[..count])
        {
            sequence.Add(token);
        }

        return count;
    }

    public void Draft(IReadOnlyList<DraftedSequence> sequences, CancellationToken cancellationToken)
    {
    }
}
