using System.Text.Json;

namespace TorchKv.Benchmarks.Port;

/// <summary>One row of the table: tokens a second over all sequences of the batch.</summary>
internal sealed record PortRow
{
    public const string Header =
        "dtype    cache  batch |  PyTorch tok/s     port tok/s   ratio | first, ms: PyTorch    port   GFLOP/s |"
            + " port in a step        of limit | managed B/token  gen0 | same ids";

    public required string DType { get; init; }

    public required PortShape Shape { get; init; }

    public required double? PyTorch { get; init; }

    public required double Port { get; init; }

    public required double? PyTorchFirstMs { get; init; }

    public required double PortFirstMs { get; init; }

    /// <summary>Operations of the prompts.</summary>
    public required double PrefillOperations { get; init; }

    /// <summary>Operations of a later step without a cache, which computes everything again.</summary>
    public required double StepOperations { get; init; }

    /// <summary>Bytes that a later step must read; null where arithmetic limits it.</summary>
    public required long? StepBytes { get; init; }

    public required PortLimits Limits { get; init; }

    public required double ManagedBytesPerToken { get; init; }

    public required int Gen0 { get; init; }

    public required bool? SameIds { get; init; }

    public double? Ratio => Port / PyTorch;

    /// <summary>Operations a second while the prompts are computed.</summary>
    public double PrefillRate => PrefillOperations / PortFirstMs * 1e3;

    /// <summary>Bytes or operations a second in a later step.</summary>
    public double StepRate => (StepBytes ?? StepOperations) * Port / Shape.Batch;

    /// <summary>Share of the device's limit in a later step; NaN where the limit is not known.</summary>
    public double LimitShare => StepRate / (StepBytes is null ? Limits.OperationsPerSecond : Limits.BytesPerSecond);

    public string Line()
    {
        var rate = $"{StepRate / 1e9:F1} {(StepBytes is null ? "GFLOP/s" : "GB/s")}";
        var share = double.IsFinite(LimitShare) ? $"{LimitShare:P0}" : "";
        return $"{DType,-8} {Shape.Cache,-6} {Shape.Batch,5} | {PyTorch,14:F2} {Port,14:F2} {Ratio,7:F3} |"
            + $" {PyTorchFirstMs,18:F1} {PortFirstMs,7:F1} {PrefillRate / 1e9,9:F0} | {rate,-20} {share,9} |"
            + $" {ManagedBytesPerToken,15:F0} {Gen0,5} | {(SameIds is null ? "" : SameIds.Value ? "yes" : "NO")}";
    }

    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("dtype", DType);
        json.WriteString("cache", Shape.Cache);
        json.WriteNumber("batch", Shape.Batch);
        json.WriteNumber("prompt", Shape.Prompt);
        json.WriteNumber("new", Shape.New);
        Optional(json, "pytorch_tokens_per_second", PyTorch);
        json.WriteNumber("port_tokens_per_second", Port);
        Optional(json, "ratio", Ratio);
        Optional(json, "pytorch_first_ms", PyTorchFirstMs);
        json.WriteNumber("port_first_ms", PortFirstMs);
        json.WriteNumber("port_prefill_operations_per_second", PrefillRate);
        Optional(json, "port_bytes_per_second", StepBytes is null ? null : StepRate);
        Optional(json, "port_operations_per_second", StepBytes is null ? StepRate : null);
        Optional(json, "limit_share", LimitShare);
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
        if (value is { } number && double.IsFinite(number))
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
