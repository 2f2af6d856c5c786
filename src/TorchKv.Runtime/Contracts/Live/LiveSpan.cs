namespace TorchKv.Runtime.Contracts.Live;

/// <summary>A stretch of a request's life. Each piece of a prompt has its own.</summary>
/// <param name="Phase">What happened.</param>
/// <param name="From">When it began, in milliseconds since the watch began.</param>
/// <param name="To">When it ended, or the last time it was looked at.</param>
/// <param name="Tokens">Tokens computed in it.</param>
public readonly record struct LiveSpan(LivePhase Phase, double From, double To, int Tokens);
