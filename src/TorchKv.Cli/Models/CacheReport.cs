namespace TorchKv.Cli.Models;

/// <summary>The size of a generation's KV cache.</summary>
/// <param name="Kind">The kind, as <c>--cache</c> names it; <c>paged</c> for an engine's pool of blocks.</param>
/// <param name="Tokens">
/// Tokens whose keys and values it held when it was fullest, over all rows; of a pool the room in the blocks that were
/// held at once, where what several rows share counts once.
/// </param>
/// <param name="Capacity">Tokens that it could have held without growing, over all rows.</param>
/// <param name="Bytes">
/// Bytes of the keys and values of <paramref name="Tokens"/>; of a port's cache those of its buffers.
/// </param>
internal readonly record struct CacheReport(string Kind, long Tokens, long Capacity, long Bytes);
