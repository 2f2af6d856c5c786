using System.Text.Json.Serialization;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>What a worker over libtorch says first.</summary>
internal sealed record TorchReady
{
    /// <summary>Which library it runs on.</summary>
    [JsonPropertyName("ready")]
    public string Ready { get; init; } = "";

    /// <summary>The most bytes that were resident once the model was loaded.</summary>
    [JsonPropertyName("peak")]
    public long Peak { get; init; }

    /// <summary>Bytes that were resident before that.</summary>
    [JsonPropertyName("before")]
    public long Before { get; init; }
}
