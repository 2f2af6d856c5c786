namespace TorchKv.Cli.Terminal;

/// <summary>Where a prompt of a batch stands.</summary>
/// <param name="Prompt">Tokens of the prompt.</param>
/// <param name="Generated">Tokens that have come.</param>
/// <param name="IsDone">Whether the last one has.</param>
internal readonly record struct PromptState(int Prompt, int Generated, bool IsDone);
