namespace TorchKv.Runtime.Cpu.Steps;

/// <summary>A row of a step: consecutive tokens of one sequence.</summary>
/// <param name="FirstToken">The index of its first token in the step.</param>
/// <param name="Position">The position of its first token in the sequence.</param>
internal readonly record struct StepRow(int FirstToken, int Position);
