namespace TorchKv.Runtime;

/// <content>Speculative decoding.</content>
internal sealed partial class EngineLoop
{
    private void ProposeDrafts()
    {
    }

    private void CountDrafts(Sequence sequence, int drafted, int accepted)
    {
        _totals = _totals with { DraftedTokens = _totals.DraftedTokens + drafted, AcceptedDraftTokens = _totals.AcceptedDraftTokens + accepted };
    }

    private void ForgetDrafts(GenerationRequest request)
    {
    }
}
