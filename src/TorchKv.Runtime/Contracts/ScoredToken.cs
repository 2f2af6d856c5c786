namespace TorchKv.Runtime.Contracts;

/// <summary>
/// How probable a token was where it stands, and what else was likely there; by the model, before any sampling option.
/// </summary>
/// <param name="TokenId">The token.</param>
/// <param name="LogProbability">ln p, at most 0.</param>
/// <param name="Best">The most probable tokens there, best first; of equal ones the lower id first.</param>
public sealed record ScoredToken(int TokenId, float LogProbability, IReadOnlyList<TokenLogProbability> Best);
