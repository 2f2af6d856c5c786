using TorchKv.Batch.Store;

namespace TorchKv.Batch.Work;

/// <summary>Runs jobs.</summary>
internal interface IJobRunner
{
    /// <summary>Whether requests run that are no batch's.</summary>
    bool IsBusy { get; }

    /// <summary>Done when jobs can be run.</summary>
    Task ReadyAsync(CancellationToken cancellationToken);

    /// <summary>Runs a job. What is wrong with it is an outcome too.</summary>
    Task<JobOutcome> RunAsync(Job job, CancellationToken cancellationToken);
}
