namespace TorchKv.Batch.Store;

/// <summary>What a worker needs to know of a batch.</summary>
/// <param name="No">Its number in the tables.</param>
/// <param name="Id">Its id.</param>
/// <param name="Tenant">Whose it is.</param>
/// <param name="Endpoint">The path that its lines call.</param>
/// <param name="Created">When it was made, in seconds since 1970.</param>
internal sealed record JobBatch(long No, string Id, string Tenant, string Endpoint, long Created);
