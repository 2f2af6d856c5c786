using TorchKv.Batch.Store;

namespace TorchKv.Batch.Work;

/// <summary>What a run of a job came to.</summary>
/// <param name="Result">The job's result; null where the fault is of the moment and the job runs again.</param>
/// <param name="IsServersFault">
/// Whether the result is a failure of the server, so that another run may do better.
/// </param>
internal readonly record struct JobOutcome(JobResult? Result, bool IsServersFault = false);
