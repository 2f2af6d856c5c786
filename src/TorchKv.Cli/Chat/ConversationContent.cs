namespace TorchKv.Cli.Chat;

/// <summary>A saved conversation.</summary>
/// <param name="Current">The name of the current branch.</param>
/// <param name="Branches">Every branch by its name.</param>
internal sealed record ConversationContent(string Current, IReadOnlyDictionary<string, BranchContent> Branches);
