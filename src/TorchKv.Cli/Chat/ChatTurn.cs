using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Chat;

/// <summary>The result of one turn.</summary>
/// <param name="Text">The new text.</param>
/// <param name="Ids">The new tokens.</param>
/// <param name="FinishReason">Why it ended.</param>
/// <param name="StopReason">The stop that ended it; null: none did.</param>
/// <param name="Usage">What it cost.</param>
/// <param name="FirstToken">The time until the first token; null where none came.</param>
internal sealed record ChatTurn(
    string Text,
    IReadOnlyList<int> Ids,
    FinishReason? FinishReason,
    StopReason? StopReason,
    Usage Usage,
    TimeSpan? FirstToken);
