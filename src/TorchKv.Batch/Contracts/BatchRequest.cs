using System.ComponentModel;

namespace TorchKv.Batch.Contracts;

/// <summary>A batch to be made.</summary>
internal sealed record BatchRequest
{
    [Description("The id of a file of the purpose batch.")]
    public string? InputFileId { get; init; }

    [Description("The path that all its lines call: /v1/chat/completions, /v1/completions or /v1/responses.")]
    public string? Endpoint { get; init; }

    [Description("The time that the batch has: 24h, or another number of seconds, minutes, hours or days (90m).")]
    public string? CompletionWindow { get; init; }

    [Description("Up to 16 texts of the caller's own, by names of up to 64 characters.")]
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    [Description("When the output's files are deleted by themselves; left out: they stay.")]
    public ExpiresAfter? OutputExpiresAfter { get; init; }
}
