using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Internal;

/// <summary>What a router asks of a replica: one prompt's generation.</summary>
internal sealed record InternalRequest
{
    /// <summary>The prompt, and after it the ids of <see cref="GenerationOptions.GeneratedBefore"/>.</summary>
    public required IReadOnlyList<int> PromptTokenIds { get; init; }

    public required GenerationOptions Options { get; init; }
}
