namespace TorchKv.Runtime.Cpu.Steps;

/// <summary>The queries of one attention task: consecutive tokens of a row.</summary>
/// <param name="Row">The index of the row.</param>
/// <param name="Start">The index of the first token within the row.</param>
/// <param name="Count">The number of tokens, at most <see cref="Workspace.Queries"/>.</param>
internal readonly record struct QueryChunk(int Row, int Start, int Count);
