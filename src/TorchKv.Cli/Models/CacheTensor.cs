namespace TorchKv.Cli.Models;

/// <summary>The keys or the values of one layer, (heads, tokens, head_dim), float32.</summary>
internal sealed record CacheTensor(string Name, long[] Shape, float[] Values);
