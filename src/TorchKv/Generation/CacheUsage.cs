using TorchKv.Runtime;

namespace TorchKv.Generation;

/// <summary>What a generation's cache held when it was fullest, over all layers and rows.</summary>
/// <param name="Tokens">Tokens whose keys and values were there, over all rows, padding included.</param>
/// <param name="Capacity">Tokens that would have fitted without new memory, over all rows.</param>
/// <param name="Bytes">Bytes of its tensors.</param>
public readonly record struct CacheUsage(long Tokens, long Capacity, long Bytes);
