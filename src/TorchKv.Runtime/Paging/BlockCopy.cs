namespace TorchKv.Runtime.Paging;

/// <summary>A block whose keys and values are to be copied to another before the next step writes there.</summary>
/// <param name="Source">The block to read.</param>
/// <param name="Destination">The block to write.</param>
internal readonly record struct BlockCopy(int Source, int Destination);
