namespace TorchKv.Runtime.Model;

/// <summary>The size of a step that passed <see cref="StepRules.Check"/>.</summary>
/// <param name="Tokens">Tokens of all rows.</param>
/// <param name="LogitsCount">Positions that get logits.</param>
public readonly record struct StepSize(int Tokens, int LogitsCount);
