namespace TorchKv.Cli.Chat;

/// <summary>A saved branch.</summary>
/// <param name="Ids">Its tokens.</param>
/// <param name="Turns">How many of them there were before each turn.</param>
internal sealed record BranchContent(IReadOnlyList<int> Ids, IReadOnlyList<int> Turns);
