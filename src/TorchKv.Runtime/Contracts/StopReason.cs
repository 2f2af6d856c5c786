namespace TorchKv.Runtime.Contracts;

/// <summary>
/// Which of a request's stops ended a text: vLLM's <c>stop_reason</c>. Exactly one of the two is set.
/// </summary>
/// <param name="Text">The stop text.</param>
/// <param name="TokenId">The stop token's id.</param>
public readonly record struct StopReason(string? Text, int? TokenId);
