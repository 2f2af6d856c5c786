namespace TorchKv.Batch.Store;

/// <summary>What a claim gave.</summary>
/// <param name="Batch">The batch that was asked; null: no batch has work.</param>
/// <param name="Jobs">Its jobs that were free; none: it has none now.</param>
internal sealed record Claim(JobBatch? Batch, IReadOnlyList<Job> Jobs);
