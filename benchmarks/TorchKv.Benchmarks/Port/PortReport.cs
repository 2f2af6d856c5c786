using System.Text.Json;
using TorchKv.Plotting;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// What the comparison found: rows for each dtype, and on the CPU what loading and a long run take of memory.
/// </summary>
internal sealed record PortReport
{
    /// <summary>What both sides ran on.</summary>
    public required string? PyTorch { get; init; }

    /// <inheritdoc cref="PyTorch"/>
    public required string Port { get; init; }

    public required string Model { get; init; }

    public required string Device { get; init; }

    public required int Threads { get; init; }

    public required IReadOnlyList<PortRow> Rows { get; init; }

    /// <summary>Null on another device than the CPU.</summary>
    public required LoadingMemory? Loading { get; init; }

    /// <summary>Empty on another device than the CPU.</summary>
    public required IReadOnlyList<SoakRow> Soaks { get; init; }

    /// <summary>The report as JSON.</summary>
    public void Write(Stream stream)
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        json.WriteString("pytorch", PyTorch);
        json.WriteString("port", Port);
        json.WriteString("model", Model);
        json.WriteString("device", Device);
        json.WriteNumber("cores", Environment.ProcessorCount);
        json.WriteNumber("threads", Threads);
        json.WriteStartArray("limits");
        foreach (var (dtype, limits) in Rows.Select(row => (row.DType, row.Limits)).Distinct())
        {
            json.WriteStartObject();
            json.WriteString("dtype", dtype);
            json.WriteNumber("bytes_per_second", Math.Round(limits.BytesPerSecond));
            if (double.IsFinite(limits.OperationsPerSecond))
            {
                json.WriteNumber("operations_per_second", Math.Round(limits.OperationsPerSecond));
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("rows");
        foreach (var row in Rows)
        {
            row.Write(json);
        }

        json.WriteEndArray();
        Loading?.Write(json);
        json.WriteStartArray("soak");
        foreach (var soak in Soaks)
        {
            soak.Write(json);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>The ratios as an SVG text.</summary>
    public string Chart() => new RatioChart(
        $"{Model} on {Device}: the port ÷ PyTorch",
        "Bars to the right of 1: the port is faster; paged stands beside PyTorch's static cache",
        [
            .. Rows.Where(row => row.Ratio is not null)
            .GroupBy(row => row.DType)
            .Select(group => new RatioGroup(group.Key, [.. group.Select(BarOf)]))
        ])
        .ToSvg();

    private static RatioBar BarOf(PortRow row) => new(row.Shape.ToString(), row.Ratio!.Value, $"{row.Ratio:F2}")
    {
        Detail = $"{row.Port:F1} : {row.PyTorch:F1} tok/s",
        Tone = row.Ratio >= 1 ? BarTone.Good : BarTone.Poor,
    };
}
