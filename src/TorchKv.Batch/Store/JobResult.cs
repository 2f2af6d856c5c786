namespace TorchKv.Batch.Store;

/// <summary>The line that a job becomes in the output or in the errors.</summary>
/// <param name="Line">The job's line in the input.</param>
/// <param name="IsAnswer">Whether it belongs to the output.</param>
/// <param name="Record">The line, without its end.</param>
internal sealed record JobResult(int Line, bool IsAnswer, byte[] Record);
