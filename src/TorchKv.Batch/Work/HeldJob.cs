using TorchKv.Batch.Store;

namespace TorchKv.Batch.Work;

/// <summary>A job that this worker has claimed.</summary>
internal sealed class HeldJob : IDisposable
{
    private readonly CancellationTokenSource _end;

    public HeldJob(Job job, CancellationToken stop)
    {
        Job = job;
        _end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        End = _end.Token;
    }

    public Job Job { get; }

    /// <summary>Cancelled when the worker stops, or the job is no longer this worker's.</summary>
    public CancellationToken End { get; }

    public (long Batch, int Line) Key => (Job.Batch.No, Job.Line);

    /// <summary>The job's result, once it has one.</summary>
    public JobResult? Result { get; set; }

    public void Cancel()
    {
        try
        {
            _end.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended meanwhile.
        }
    }

    public void Dispose() => _end.Dispose();
}
