using System.ComponentModel;
using TorchKv.Runtime.Contracts.Live;

namespace TorchKv.Server.Contracts;

/// <summary>One event of the live page's feed, and one line of a recording.</summary>
internal sealed record LiveFrame
{
    [Description("snapshot or step.")]
    public required string Type { get; init; }

    [Description("The number of the last step event that the state includes.")]
    public long Seq { get; init; }

    [Description("The model's id; only in a snapshot.")]
    public string? Model { get; init; }

    [Description("Whether blocks come with their tokens; only in a snapshot.")]
    public bool Text { get; init; }

    [Description("Everything as it is; only in a snapshot.")]
    public LiveSnapshot? State { get; init; }

    [Description("What changed since the last event; only in a step.")]
    public LiveChanges? Changes { get; init; }

    [Description("The text of each token, in the order of the tokens, by the number of the block.")]
    public IReadOnlyDictionary<string, string[]>? Texts { get; init; }
}
