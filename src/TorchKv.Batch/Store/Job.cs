namespace TorchKv.Batch.Store;

/// <summary>A request of a batch that a worker has claimed.</summary>
/// <param name="Batch">Its batch.</param>
/// <param name="Line">Its line's number in the input, from 1.</param>
/// <param name="CustomId">The caller's name for it.</param>
/// <param name="Body">Its body.</param>
/// <param name="Tries">Claims so far that were not given back, this one included.</param>
internal sealed record Job(JobBatch Batch, int Line, string CustomId, byte[] Body, int Tries)
{
    /// <summary>
    /// Whether a worker ended while it had this job, so that the job may be what ended it: it runs alone.
    /// </summary>
    public bool IsSuspect => Tries > 1;
}
