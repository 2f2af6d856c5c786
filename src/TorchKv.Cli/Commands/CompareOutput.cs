using System.Globalization;
using Spectre.Console;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Plotting;

namespace TorchKv.Cli.Commands;

/// <summary>Shows a comparison as a table, as JSON or as a chart.</summary>
internal static class CompareOutput
{
    /// <summary>Whether the token ids of all variants are the same.</summary>
    public static bool Same(IReadOnlyList<VariantResult> variants) =>
        variants.All(variant => variant.Ids.SequenceEqual(variants[0].Ids));

    public static void WriteTable(CliConsole console, IReadOnlyList<VariantResult> variants)
    {
        var table = Tables.Create("cache", "tokens/s", "first ms", "early ms", "late ms", "bytes", "same");
        foreach (var variant in variants)
        {
            table.AddRow(
                variant.Cache,
                Number(variant.TokensPerSecond),
                Number(variant.FirstTokenMs),
                Number(variant.EarlyMsPerToken),
                Number(variant.LateMsPerToken),
                variant.CacheBytes > 0 ? ByteSize.Format(variant.CacheBytes) : "–",
                SameAs(variants[0], variant));
        }

        Tables.Write(console, table);
    }

    public static void WriteJson(CliConsole console, IReadOnlyList<VariantResult> variants) =>
        console.WriteJson(writer =>
    {
        writer.WriteStartArray("variants");
        foreach (var variant in variants)
        {
            writer.WriteStartObject();
            writer.WriteString("cache", variant.Cache);
            writer.WriteStartArray("ids");
            foreach (var id in variant.Ids)
            {
                writer.WriteNumberValue(id);
            }

            writer.WriteEndArray();
            writer.WriteNumber("tokens_per_second", Math.Round(variant.TokensPerSecond, 3));
            writer.WriteNumber("first_token_ms", Math.Round(variant.FirstTokenMs, 3));
            writer.WriteNumber("early_ms_per_token", Math.Round(variant.EarlyMsPerToken, 3));
            writer.WriteNumber("late_ms_per_token", Math.Round(variant.LateMsPerToken, 3));
            writer.WriteNumber("cache_bytes", variant.CacheBytes);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteBoolean("same", Same(variants));
    });

    public static string Svg(IReadOnlyList<VariantResult> variants, string subtitle) => new LineChart(
        "Time per token by cache",
        "position of the token",
        "milliseconds",
        [.. variants.Select(variant => new ChartSeries(variant.Cache, variant.Curve()))])
    {
        Subtitle = subtitle,
    }.ToSvg();

    private static string SameAs(VariantResult first, VariantResult variant)
    {
        for (var i = 0; i < variant.Ids.Count; i++)
        {
            if (variant.Ids[i] != first.Ids[i])
            {
                return $"[yellow]up to {i}[/]";
            }
        }

        return ReferenceEquals(first, variant) ? "" : "[green]yes[/]";
    }

    private static string Number(double value) =>
        value.ToString(value >= 100 ? "F0" : value >= 10 ? "F1" : "F2", CultureInfo.InvariantCulture);
}
