using System.Globalization;
using Spectre.Console;
using TorchKv.Cli.Terminal;
using TorchKv.Plotting;
using TorchKv.Simulation.Replicas;

namespace TorchKv.Cli.Commands;

/// <summary>Shows how several clusters served one workload: as a table, as JSON or as a chart.</summary>
internal sealed class SimulatedClusterOutput(
    CliConsole console, IReadOnlyList<(SimulatedCluster Row, ClusterReport Report)> rows)
{
    private readonly bool _routers = rows.Select(row => row.Row.Options.Routers).Distinct().Count() > 1;
    private readonly bool _probes = rows.Select(row => row.Row.Options.ProbeSeconds).Distinct().Count() > 1;

    private string Workload
    {
        get
        {
            var options = rows[0].Row.Options;
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{options.Replicas:N0} {(options.Replicas == 1 ? "replica" : "replicas")}, "
                + $"{options.Chats.Requests:N0} requests, {options.Chats.RequestsPerSecond:N0} a second; "
                + $"{rows[0].Report.PossibleHitShare * 100:F1} % hits possible");
        }
    }

    /// <summary>
    /// Writes a table with a row for each cluster. Columns that say the same in every row are left out.
    /// </summary>
    public void WriteTable()
    {
        var resumed = rows.Any(row => row.Report.Resumed > 0);
        (string Title, Func<SimulatedCluster, ClusterReport, string> Of, bool Shown)[] columns =
        [
            ("routing", (row, _) => row.Name, true),
            ("routers", (row, _) => Number(row.Options.Routers), _routers),
            ("probe", (row, _) => Seconds(row.Options.ProbeSeconds), _probes),
            (
                "hits",
                (_, report) => (report.HitShare * 100).ToString("F1", CultureInfo.InvariantCulture) + " %",
                true),
            ("first", (_, report) => Seconds(report.TimeToFirstToken.Percentile(0.5)), true),
            ("p99", (_, report) => Seconds(report.TimeToFirstToken.Percentile(0.99)), true),
            ("whole", (_, report) => Seconds(report.EndToEnd.Percentile(0.5)), true),
            ("p99", (_, report) => Seconds(report.EndToEnd.Percentile(0.99)), true),
            ("busiest", (_, report) => report.Imbalance.ToString("F2", CultureInfo.InvariantCulture), true),
            ("most", (_, report) => Number(report.MostRequests), !resumed),
            ("resumed", (_, report) => report.Resumed.ToString("N0", CultureInfo.InvariantCulture), resumed),
            ("gap", (_, report) => Seconds(report.Gaps.Percentile(0.99)), resumed),
        ];
        var shown = columns.Where(column => column.Shown).ToArray();
        var table = Tables.Create([.. shown.Select(column => column.Title)]);
        foreach (var (row, report) in rows)
        {
            table.AddRow([.. shown.Select(column => column.Of(row, report))]);
        }

        console.Out.WriteLine(console.OutStyle.Dim(Workload));
        Tables.Write(console, table);
    }

    public void WriteJson() => console.WriteJson(writer =>
    {
        writer.WriteStartArray("clusters");
        foreach (var (row, report) in rows)
        {
            writer.WriteStartObject();
            writer.WriteString("routing", row.Name);
            writer.WriteNumber("replicas", row.Options.Replicas);
            writer.WriteString("replica_model", row.Options.Kind == ReplicaKind.Flow ? "flow" : "scheduler");
            writer.WriteNumber("routers", row.Options.Routers);
            writer.WriteNumber("probe_ms", Math.Round(row.Options.ProbeSeconds * 1e3, 3));
            writer.WriteNumber("requests", row.Options.Chats.Requests);
            writer.WriteNumber("requests_per_second", row.Options.Chats.RequestsPerSecond);
            writer.WriteNumber("seconds", Math.Round(report.Duration, 6));
            writer.WriteNumber("completed", report.Completed);
            writer.WriteNumber("generated_tokens", report.GeneratedTokens);
            writer.WriteNumber("prefix_hit_share", Math.Round(report.HitShare, 6));
            writer.WriteNumber("possible_hit_share", Math.Round(report.PossibleHitShare, 6));
            writer.WriteNumber("first_token_p50", report.TimeToFirstToken.Percentile(0.5));
            writer.WriteNumber("first_token_p95", report.TimeToFirstToken.Percentile(0.95));
            writer.WriteNumber("first_token_p99", report.TimeToFirstToken.Percentile(0.99));
            writer.WriteNumber("end_to_end_p50", report.EndToEnd.Percentile(0.5));
            writer.WriteNumber("end_to_end_p99", report.EndToEnd.Percentile(0.99));
            writer.WriteNumber("busiest_to_mean", Math.Round(report.Imbalance, 6));
            writer.WriteNumber("most_requests", report.MostRequests);
            writer.WriteNumber("resumed", report.Resumed);
            writer.WriteNumber("misdirected", report.Misdirected);
            writer.WriteNumber("gap_p99", report.Gaps.Percentile(0.99));
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });

    /// <summary>Draws the 99th percentile of the time to the first token over simulated time.</summary>
    public string Plot() => new LineChart(
        "Time to the first token, 99th percentile",
        "seconds of virtual time",
        "seconds",
        [.. rows.Select(row => new ChartSeries(
            Label(row.Row),
            [.. row.Report.Moments.Select(moment => (moment.Time, moment.FirstTokenP99))]))])
    {
        Subtitle = Workload,
    }.ToSvg();

    private string Label(SimulatedCluster row)
    {
        var label = row.Name;
        label += _routers
            ? $", {Number(row.Options.Routers)} {(row.Options.Routers == 1 ? "router" : "routers")}"
            : "";
        return _probes ? $"{label}, probes every {Seconds(row.Options.ProbeSeconds)}" : label;
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Seconds(double seconds) => seconds switch
    {
        0 => "0",
        < 1 => (seconds * 1000).ToString("F0", CultureInfo.InvariantCulture) + " ms",
        _ => seconds.ToString(seconds < 100 ? "F1" : "F0", CultureInfo.InvariantCulture) + " s",
    };
}
