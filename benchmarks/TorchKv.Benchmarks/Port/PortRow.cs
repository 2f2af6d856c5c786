using System.Text.Json;

namespace TorchKv.Benchmarks.Port;

/// <summary>One row of the table: tokens per second over all rows of the batch.</summary>
internal sealed record PortRow
{
    public const string Header =
        "cache    batch | PyTorch tok/s   port tok/s   ratio | first, ms: PyTorch   port | port GB/s  of limit | "
            + "managed B/token  gen0 | same ids";

    public required string Cache { get; init; }

    public required int Batch { get; init; }

    public required double? PyTorch { get; init; }

    public required double? Port { get; init; }

    public required double? PyTorchFirstMs { get; init; }

    public required double PortFirstMs { get; init; }

    /// <summary>What a step must read, where reading is what limits it.</summary>
    public required long? BytesPerToken { get; init; }

    public required double Limit { get; init; }

    public required double ManagedBytesPerToken { get; init; }

    public required int Gen0 { get; init; }

    public required bool? SameIds { get; init; }

    public double? Ratio => Port / PyTorch;

    public double? BytesPerSecond => BytesPerToken * Port / Batch;

    public string Line() =>
        $"{Cache,-8} {Batch,5} | {PyTorch,13:F2} {Port,12:F2} {Ratio,7:F3} | {PyTorchFirstMs,18:F1} "
            + $"{PortFirstMs,6:F1} | {BytesPerSecond / 1e9,9:F1} {BytesPerSecond / Limit,9:P0} | "
            + $"{ManagedBytesPerToken,15:F0} {Gen0,5} | {(SameIds is null ? "" : SameIds.Value ? "yes" : "NO")}";

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("cache", Cache);
        json.WriteNumber("batch", Batch);
        Optional(json, "pytorch_tokens_per_second", PyTorch);
        Optional(json, "port_tokens_per_second", Port);
        Optional(json, "ratio", Ratio);
        Optional(json, "pytorch_first_ms", PyTorchFirstMs);
        json.WriteNumber("port_first_ms", PortFirstMs);
        Optional(json, "port_bytes_per_second", BytesPerSecond);
        json.WriteNumber("managed_bytes_per_token", ManagedBytesPerToken);
        json.WriteNumber("gen0_collections", Gen0);
        if (SameIds is { } same)
        {
            json.WriteBoolean("same_ids", same);
        }

        json.WriteEndObject();
    }

    private static void Optional(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
