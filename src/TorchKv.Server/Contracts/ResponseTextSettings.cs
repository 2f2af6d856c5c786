namespace TorchKv.Server.Contracts;

/// <summary>How a response's text is made.</summary>
internal sealed record ResponseTextSettings
{
    public ResponseTextFormat Format { get; init; } = new();
}
