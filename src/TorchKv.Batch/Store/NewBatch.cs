namespace TorchKv.Batch.Store;

/// <summary>A batch to be made.</summary>
/// <param name="Tenant">Whose it is.</param>
/// <param name="Endpoint">The path that all its lines call.</param>
/// <param name="InputFileId">The file with its lines.</param>
/// <param name="CompletionWindow">The time it has, as the caller wrote it.</param>
/// <param name="Time">The same as a time.</param>
/// <param name="Metadata">The caller's own pairs, as JSON; null: none.</param>
/// <param name="OutputSeconds">Seconds after which its output files are deleted; null: they stay.</param>
internal sealed record NewBatch(
    string Tenant,
    string Endpoint,
    string InputFileId,
    string CompletionWindow,
    TimeSpan Time,
    string? Metadata,
    long? OutputSeconds);
