namespace TorchKv.TestSupport;

/// <summary>
/// A clock that stands still: steps have no measured time, so drafts depend on the text alone and every run is the
/// same.
/// </summary>
internal sealed class FrozenTime : TimeProvider
{
    public override long GetTimestamp() => 1;
}
