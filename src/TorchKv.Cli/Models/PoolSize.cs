namespace TorchKv.Cli.Models;

/// <summary>The size of an engine's pool of KV blocks, either in blocks or in bytes.</summary>
/// <param name="Blocks">Blocks; 0: the runner chooses.</param>
/// <param name="Bytes">Bytes.</param>
internal readonly record struct PoolSize(int Blocks, long? Bytes);
