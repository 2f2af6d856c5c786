namespace TorchKv.Server.Contracts;

/// <summary>The text of a response's message.</summary>
internal sealed record ResponseOutputText
{
    public string Type { get; init; } = "output_text";

    public required string Text { get; init; }

    public IReadOnlyList<string> Annotations { get; init; } = [];

    public IReadOnlyList<string> Logprobs { get; init; } = [];
}
