using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace TorchKv.Server.Metrics;

/// <summary>Writes metrics in Prometheus' text format, version 0.0.4.</summary>
/// <param name="output">Where it writes, as UTF-8.</param>
/// <param name="labels">Labels that every sample has: <c>model_name="m",engine="0"</c>; empty: none.</param>
internal readonly struct PrometheusText(IBufferWriter<byte> output, string labels)
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;
    private static readonly ConcurrentDictionary<double, string> Bounds = new();

    /// <summary>A label's value with backslash, quote and line end escaped.</summary>
    public static string Escape(string value)
        => value.Replace(
            "\\",
            "\\\\",
            StringComparison.Ordinal).Replace(
                "\"",
                "\\\"",
                StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    /// <summary>The lines before a family's samples.</summary>
    public void Family(string name, string type, string help)
        => Write(Invariant, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

    public void Gauge(string name, string help, double value)
    {
        Family(name, "gauge", help);
        Sample(name, "", value);
    }

    public void Counter(string name, string help, long value)
    {
        Family(name, "counter", help);
        Sample(name, "", value);
    }

    /// <summary>A counter for each value of one label.</summary>
    public void Counter(string name, string help, string label, LabelledCounter counter)
    {
        Family(name, "counter", help);
        foreach (var (value, count) in counter.Counts)
        {
            Sample(name, $"{label}=\"{Escape(value)}\"", count);
        }
    }

    public void Histogram(string name, string help, Histogram histogram)
    {
        Span<long> counts = stackalloc long[histogram.Bounds.Count + 1];
        for (var i = 0; i < counts.Length; i++)
        {
            counts[i] = histogram.CountOf(i);
        }

        Histogram(name, help, histogram.Bounds, counts, histogram.Sum);
    }

    /// <summary>A histogram from the counts of its buckets.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="help">What it is.</param>
    /// <param name="bounds">Upper bounds of the buckets, ascending.</param>
    /// <param name="counts">Values in each bucket alone; one more than bounds.</param>
    /// <param name="sum">The sum of all values.</param>
    public void Histogram<T>(string name, string help, IReadOnlyList<T> bounds, ReadOnlySpan<long> counts, double sum)
        where T : INumber<T>
    {
        Family(name, "histogram", help);
        var total = 0L;
        var comma = labels.Length > 0 ? "," : "";
        for (var i = 0; i <= bounds.Count; i++)
        {
            total += counts[i];
            var bound = i == bounds.Count ? "+Inf" : Bound(double.CreateChecked(bounds[i]));
            Write(Invariant, $"{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {total}\n");
        }

        Sample(name + "_sum", "", sum);
        Sample(name + "_count", "", total);
    }

    /// <summary>One sample.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="more">More labels than the common ones, escaped; empty: none.</param>
    /// <param name="value">Its value.</param>
    public void Sample(string name, string more, double value)
    {
        var comma = labels.Length > 0 && more.Length > 0 ? "," : "";
        if (labels.Length + more.Length > 0)
        {
            Write(Invariant, $"{name}{{{labels}{comma}{more}}} {Number(value)}\n");
        }
        else
        {
            Write(Invariant, $"{name} {Number(value)}\n");
        }
    }

    /// <summary>A bucket's bound as vLLM writes it. The bounds are few, so each is formatted once.</summary>
    private static string Bound(double value) => Bounds.GetOrAdd(
        value,
        static bound => bound.ToString("0.0###############", CultureInfo.InvariantCulture));

    private static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf"
        : double.IsNegativeInfinity(value) ? "-Inf"
        : value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>Writes a line without making a string of it.</summary>
    private void Write(
        IFormatProvider provider,
        [InterpolatedStringHandlerArgument(nameof(provider))] ref DefaultInterpolatedStringHandler line)
    {
        Encoding.UTF8.GetBytes(line.Text, output);
        line.Clear();
    }
}
