namespace TorchKv.Benchmarks.Masks;

/// <summary>A text that a peer reads.</summary>
/// <param name="Ids">Its tokens.</param>
/// <param name="Masks">Before so many of them, from the first, a mask is taken and timed.</param>
internal sealed record PeerTest(int[] Ids, int Masks);
