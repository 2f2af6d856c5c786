using System.Globalization;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>Reads <c>/metrics</c>.</summary>
internal static class Prometheus
{
    /// <summary>The sum of a metric's samples; 0 where there are none.</summary>
    public static async Task<double> ReadAsync(HttpClient client, Uri server, string metric)
    {
        var text = await client.GetStringAsync(new Uri(server, "/metrics"));
        return text.Split('\n')
            .Where(line => line.StartsWith(metric, StringComparison.Ordinal) && line.Length > metric.Length
                && line[metric.Length] is '{' or ' ')
            .Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }
}
