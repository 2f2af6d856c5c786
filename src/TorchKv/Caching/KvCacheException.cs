using TorchKv.Runtime.Contracts;

namespace TorchKv.Caching;

/// <summary>
/// Thrown before anything changes when a cache is given keys, values or rows that do not go with what it holds.
/// </summary>
public sealed class KvCacheException(string message) : TorchKvException(message);
