namespace TorchKv.Cli.Models;

/// <summary>What the cache of a generation held when it ended.</summary>
/// <param name="Kind">The kind, as <c>--cache</c> names it; <c>paged</c> on the CPU runner.</param>
/// <param name="Tokens">Tokens whose keys and values it held, over all rows.</param>
/// <param name="Capacity">Tokens that it could have held without growing, over all rows.</param>
/// <param name="Bytes">Bytes of its keys and values.</param>
internal readonly record struct CacheReport(string Kind, long Tokens, long Capacity, long Bytes);
