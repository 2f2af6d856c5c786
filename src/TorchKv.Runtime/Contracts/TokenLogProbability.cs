namespace TorchKv.Runtime.Contracts;

/// <summary>
/// A token and the natural logarithm of its probability by the model, before processors, temperature and filters.
/// </summary>
/// <param name="Id">The token's id.</param>
/// <param name="LogProbability">ln p, at most 0.</param>
public readonly record struct TokenLogProbability(int Id, float LogProbability);
