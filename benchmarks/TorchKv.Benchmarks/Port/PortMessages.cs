using System.Text.Json.Serialization;

namespace TorchKv.Benchmarks.Port;

/// <summary>What a worker is asked, one JSON line: greedy tokens after a made-up prompt.</summary>
/// <param name="Cache">none, concat or static; of the port's worker also soak.</param>
/// <param name="Batch">Rows.</param>
/// <param name="Prompt">Tokens of each row's prompt.</param>
/// <param name="New">Tokens to generate for each row.</param>
/// <param name="Threads">Python's side: libtorch's threads from now on; 0: as they are.</param>
internal sealed record PortRequest(
    [property: JsonPropertyName("cache")] string Cache,
    [property: JsonPropertyName("batch")] int Batch,
    [property: JsonPropertyName("prompt")] int Prompt,
    [property: JsonPropertyName("new")] int New,
    [property: JsonPropertyName("threads")] int Threads = 0);

/// <summary>What it answers.</summary>
internal sealed record PortAnswer
{
    /// <summary>Milliseconds to the first token: the prompt.</summary>
    [JsonPropertyName("first_ms")]
    public double FirstMs { get; init; }

    /// <summary>Milliseconds of each further token (of all rows).</summary>
    [JsonPropertyName("ms")]
    public double[] Ms { get; init; } = [];

    /// <summary>The first row's tokens.</summary>
    [JsonPropertyName("ids")]
    public int[] Ids { get; init; } = [];

    /// <summary>Bytes allocated on the managed heap by the further tokens.</summary>
    [JsonPropertyName("managed_bytes")]
    public long ManagedBytes { get; init; }

    /// <summary>Collections of the youngest generation during them.</summary>
    [JsonPropertyName("gen0")]
    public int Gen0 { get; init; }

    /// <summary>Bytes resident after each tenth of the tokens.</summary>
    [JsonPropertyName("resident")]
    public long[] Resident { get; init; } = [];
}

/// <summary>What it says first.</summary>
internal sealed record PortReady
{
    /// <summary>Which library it runs on.</summary>
    [JsonPropertyName("ready")]
    public string Ready { get; init; } = "";

    /// <summary>The most that was resident once the model was loaded, in bytes.</summary>
    [JsonPropertyName("peak")]
    public long Peak { get; init; }

    /// <summary>What was resident before it, in bytes.</summary>
    [JsonPropertyName("before")]
    public long Before { get; init; }
}

[JsonSerializable(typeof(PortRequest))]
[JsonSerializable(typeof(PortAnswer))]
[JsonSerializable(typeof(PortReady))]
internal sealed partial class PortJson : JsonSerializerContext;
