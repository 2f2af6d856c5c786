namespace TorchKv.Runtime;

/// <content>Conversations: tables that outlive a request.</content>
internal sealed partial class EngineLoop
{
    private void AttachSession(GenerationRequest request)
    {
    }

    private void DetachSession(GenerationRequest request)
    {
    }

    private bool ReclaimIdleSession() => false;

    private void ReleaseSessions()
    {
    }
}
