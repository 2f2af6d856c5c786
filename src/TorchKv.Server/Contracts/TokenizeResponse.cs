namespace TorchKv.Server.Contracts;

/// <summary>A text's token ids.</summary>
internal sealed record TokenizeResponse
{
    public required int Count { get; init; }

    public required int MaxModelLen { get; init; }

    public required IReadOnlyList<int> Tokens { get; init; }

    public IReadOnlyList<string>? TokenStrs { get; init; }
}
