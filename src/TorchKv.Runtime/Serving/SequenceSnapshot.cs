namespace TorchKv.Runtime.Serving;

/// <summary>One sequence that runs or waits.</summary>
/// <param name="Request">The request's number, in the order of submission.</param>
/// <param name="Row">Its index among the request's samples or beams.</param>
/// <param name="IsRunning">Whether it runs. One that waits holds blocks only if it continues a session.</param>
/// <param name="Tokens">Its tokens so far.</param>
/// <param name="ComputedTokens">Of them, those whose keys and values are in the blocks.</param>
/// <param name="CachedTokens">Prompt tokens that the prefix cache had.</param>
/// <param name="Blocks">The block table.</param>
public sealed record SequenceSnapshot(
    long Request,
    int Row,
    bool IsRunning,
    int Tokens,
    int ComputedTokens,
    int CachedTokens,
    IReadOnlyList<int> Blocks);
