namespace TorchKv.Cli.Models;

/// <summary>The cache that the command line asks for.</summary>
/// <param name="Kind">One of <see cref="CacheKinds"/>.</param>
/// <param name="Window">Tokens that a sliding window keeps.</param>
internal sealed record CacheChoice(string Kind, int? Window);
