using System.Text.Json.Serialization;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>What a worker over libtorch is asked, as a line of JSON: greedy tokens after a made-up prompt.</summary>
/// <param name="Cache">none, concat or static; of the port's worker also paged, and what the constants name.</param>
/// <param name="Batch">Sequences.</param>
/// <param name="Prompt">Tokens of each sequence's prompt.</param>
/// <param name="New">Tokens to generate for each sequence.</param>
/// <param name="Threads">Of Python's worker: libtorch's threads from now on; 0: as they are.</param>
internal sealed record TorchRequest(
    [property: JsonPropertyName("cache")] string Cache,
    [property: JsonPropertyName("batch")] int Batch,
    [property: JsonPropertyName("prompt")] int Prompt,
    [property: JsonPropertyName("new")] int New,
    [property: JsonPropertyName("threads")] int Threads = 0)
{
    /// <summary>In place of a cache, of the port's worker: asks for the device's limits.</summary>
    public const string Limits = "limits";

    /// <summary>Before a cache's name, of the port's worker: asks for a long run over many contexts.</summary>
    public const string Soak = "soak-";
}
