namespace TorchKv.Batch.Store;

/// <summary>A file that is whole.</summary>
/// <param name="No">Its number in the tables.</param>
/// <param name="Id">Its id, with the prefix <c>file-</c>.</param>
/// <param name="Purpose"><c>batch</c> or <c>batch_output</c>.</param>
/// <param name="Name">Its name.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="ExpiresAt">When it is deleted; null: only when it is asked for.</param>
internal sealed record StoredFile(
    long No, string Id, string Purpose, string Name, long Bytes, DateTime CreatedAt, DateTime? ExpiresAt);
