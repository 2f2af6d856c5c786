using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving;

/// <summary>One sequence that runs or waits, with its blocks in order.</summary>
/// <param name="Request">The request's number, in the order of submission.</param>
/// <param name="Row">Which of its samples or beams.</param>
/// <param name="IsRunning">Whether it runs; else it waits, and holds blocks only if it continues a session.</param>
/// <param name="Tokens">Its tokens so far.</param>
/// <param name="ComputedTokens">Of them, those whose keys and values are in the blocks.</param>
/// <param name="CachedTokens">Prompt tokens that were found rather than computed.</param>
/// <param name="Blocks">The block table.</param>
public sealed record SequenceSnapshot(long Request, int Row, bool IsRunning, int Tokens, int ComputedTokens, int CachedTokens, IReadOnlyList<int> Blocks);
