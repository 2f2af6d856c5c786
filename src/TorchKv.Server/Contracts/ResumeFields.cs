using System.ComponentModel;

namespace TorchKv.Server.Contracts;

/// <summary>Where a stream was cut, in a request that goes on with it. Taken from a router alone.</summary>
internal sealed record ResumeFields
{
    [Description("The id of the last event that was received, as its line 'id:' has it. Left out: none was.")]
    public string? LastEventId { get; init; }

    [Description("The token ids of each choice that were received; what is missing is generated again.")]
    public int[][]? TokenIds { get; init; }

    [Description("The token ids of each prompt, in place of those that its text would become.")]
    public int[][]? PromptTokenIds { get; init; }

    [Description("The answer's id, prefix included.")]
    public string? Id { get; init; }

    [Description("When the answer was begun, in seconds since 1970.")]
    public long? Created { get; init; }
}
