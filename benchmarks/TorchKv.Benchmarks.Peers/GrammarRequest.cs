namespace TorchKv.Benchmarks.Peers;

/// <summary>What <see cref="GrammarWorkerCommand"/> is asked.</summary>
/// <param name="Grammar">A grammar in llama.cpp's notation.</param>
/// <param name="Tests">The texts.</param>
internal sealed record GrammarRequest(string Grammar, GrammarTest[] Tests);
