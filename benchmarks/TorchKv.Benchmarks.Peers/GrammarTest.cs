namespace TorchKv.Benchmarks.Peers;

/// <summary>A text of a <see cref="GrammarRequest"/>.</summary>
/// <param name="Ids">Its tokens.</param>
/// <param name="Masks">Before so many of them, from the first, the whole vocabulary is masked.</param>
internal sealed record GrammarTest(int[] Ids, int Masks);
