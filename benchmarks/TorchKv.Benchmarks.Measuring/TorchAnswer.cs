using System.Text.Json.Serialization;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>What a worker over libtorch measured.</summary>
internal sealed record TorchAnswer
{
    /// <summary>Milliseconds to the first token: the prompt's prefill.</summary>
    [JsonPropertyName("first_ms")]
    public double FirstMs { get; init; }

    /// <summary>Milliseconds of each further step, which gives every sequence a token.</summary>
    [JsonPropertyName("ms")]
    public double[] Ms { get; init; } = [];

    /// <summary>The first sequence's tokens.</summary>
    [JsonPropertyName("ids")]
    public int[] Ids { get; init; } = [];

    /// <summary>Bytes allocated on the managed heap by the further steps.</summary>
    [JsonPropertyName("managed_bytes")]
    public long ManagedBytes { get; init; }

    /// <summary>Collections of the youngest generation during them.</summary>
    [JsonPropertyName("gen0")]
    public int Gen0 { get; init; }

    /// <summary>Bytes resident after each tenth of the tokens of a long run.</summary>
    [JsonPropertyName("resident")]
    public long[] Resident { get; init; } = [];

    /// <summary>The device's limit: bytes copied a second.</summary>
    [JsonPropertyName("bytes_per_second")]
    public double BytesPerSecond { get; init; }

    /// <summary>The device's limit: operations a second in the dtype's products.</summary>
    [JsonPropertyName("operations_per_second")]
    public double OperationsPerSecond { get; init; }
}
