namespace TorchKv.Server.Contracts;

/// <summary>The form of a response's text.</summary>
internal sealed record ResponseTextFormat
{
    public string Type { get; init; } = "text";
}
