namespace TorchKv.PortChecking.Traces;

/// <summary>What a trace records about the original's call in a step.</summary>
/// <param name="Inputs">The arguments that are tensors, by name.</param>
/// <param name="Continues">
/// Whether the call was given a cache with tokens, or was told to use none; null where that is not recorded.
/// </param>
internal sealed record StepCall(IReadOnlyDictionary<string, StepInput> Inputs, bool? Continues);
