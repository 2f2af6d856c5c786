namespace TorchKv.Runtime.Contracts;

/// <summary>How busy a generator is: enough to refuse a request in time, or to choose between generators.</summary>
/// <param name="QueuedRequests">Requests that wait to be admitted.</param>
/// <param name="RunningRequests">Requests that are being computed.</param>
/// <param name="FreeBlocks">
/// KV blocks that a new request can have: free ones and cached ones that no request holds.
/// </param>
/// <param name="TotalBlocks">KV blocks of the pool.</param>
/// <param name="BlockSize">Tokens in a block; 0 where the generator does not say.</param>
public readonly record struct GeneratorLoad(
    int QueuedRequests, int RunningRequests, int FreeBlocks, int TotalBlocks, int BlockSize = 0);
