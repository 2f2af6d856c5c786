using System.Globalization;
using Spectre.Console;
using TorchKv.Cli.Terminal;
using TorchKv.Plotting;
using TorchKv.Simulation;

namespace TorchKv.Cli.Commands;

/// <summary>Shows how several scheduling policies served one workload: as a table, as JSON or as a chart.</summary>
internal sealed class SimulationOutput(
    CliConsole console,
    IReadOnlyList<SimulatedRequest> requests,
    IReadOnlyList<(SimulatedPolicy Policy, SimulationReport Report)> rows)
{
    private readonly bool _policies = rows.Select(row => row.Policy.Name).Distinct().Count() > 1;
    private readonly bool _budgets = rows.Select(row => row.Policy.Scheduling.MaxTokensPerStep).Distinct().Count() > 1;
    private readonly bool _chunks = rows
        .Where(row => row.Policy.Name == rows[0].Policy.Name)
        .Select(row => row.Policy.Scheduling.PrefillTokensBesideDecodes)
        .Distinct()
        .Count() > 1;

    private string Workload
    {
        get
        {
            var prompts = requests.Sum(request => (long)request.PromptTokens);
            var generated = requests.Sum(request => (long)request.NewTokens);
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{requests.Count:N0} {(requests.Count == 1 ? "request" : "requests")} in {requests[^1].Arrival:F1} s, "
                + $"{prompts:N0} prompt and {generated:N0} new tokens");
        }
    }

    /// <summary>
    /// Writes a table with a row for each policy. Columns that say the same in every row are left out, so that the
    /// others fit a terminal.
    /// </summary>
    public void WriteTable()
    {
        (string Title, Func<SimulatedPolicy, SimulationReport, string> Of, bool Shown)[] columns =
        [
            ("policy", (policy, _) => policy.Name, _policies || !(_budgets || _chunks)),
            ("budget", (policy, _) => Number(policy.Scheduling.MaxTokensPerStep), _budgets),
            ("chunk", (policy, _) => Number(policy.Scheduling.PrefillTokensBesideDecodes), _chunks),
            ("tok/s", (_, report) => report.TokensPerSecond.ToString("N0", CultureInfo.InvariantCulture), true),
            ("first", (_, report) => Seconds(report.TimeToFirstToken, 0.5), true),
            ("p99", (_, report) => Seconds(report.TimeToFirstToken, 0.99), true),
            ("next", (_, report) => Seconds(report.InterTokenLatency, 0.5), true),
            ("p99", (_, report) => Seconds(report.InterTokenLatency, 0.99), true),
            (
                "hits",
                (_, report) => (report.PrefixHitShare * 100).ToString("F0", CultureInfo.InvariantCulture) + " %",
                rows.Any(row => row.Report.PrefixHitShare >= 0.005)),
            (
                "preempt",
                (_, report) => report.Preemptions.ToString("N0", CultureInfo.InvariantCulture),
                rows.Any(row => row.Report.Preemptions > 0)),
            (
                "refused",
                (_, report) => report.Refused.ToString("N0", CultureInfo.InvariantCulture),
                rows.Any(row => row.Report.Refused > 0)),
        ];
        var shown = columns.Where(column => column.Shown).ToArray();
        var table = Tables.Create([.. shown.Select(column => column.Title)]);
        foreach (var (policy, report) in rows)
        {
            table.AddRow([.. shown.Select(column => column.Of(policy, report))]);
        }

        console.Out.WriteLine(console.OutStyle.Dim(Workload));
        Tables.Write(console, table);
    }

    public void WriteJson() => console.WriteJson(writer =>
    {
        writer.WriteStartArray("policies");
        foreach (var (policy, report) in rows)
        {
            writer.WriteStartObject();
            writer.WriteString("policy", policy.Name);
            writer.WriteNumber("max_tokens_per_step", policy.Scheduling.MaxTokensPerStep);
            writer.WriteNumber("chunk", policy.Scheduling.PrefillTokensBesideDecodes);
            writer.WriteNumber("seconds", Math.Round(report.Duration, 6));
            writer.WriteNumber("steps", report.Steps);
            writer.WriteNumber("tokens_per_second", Math.Round(report.TokensPerSecond, 3));
            writer.WriteNumber("first_token_p50", report.TimeToFirstToken.Percentile(0.5));
            writer.WriteNumber("first_token_p99", report.TimeToFirstToken.Percentile(0.99));
            writer.WriteNumber("inter_token_p50", report.InterTokenLatency.Percentile(0.5));
            writer.WriteNumber("inter_token_p99", report.InterTokenLatency.Percentile(0.99));
            writer.WriteNumber("end_to_end_p50", report.EndToEnd.Percentile(0.5));
            writer.WriteNumber("end_to_end_p99", report.EndToEnd.Percentile(0.99));
            writer.WriteNumber("prefix_hit_share", Math.Round(report.PrefixHitShare, 6));
            writer.WriteNumber("preemptions", report.Preemptions);
            writer.WriteNumber("refused", report.Refused);
            writer.WriteNumber("completed", report.Completed);
            writer.WriteNumber("generated_tokens", report.GeneratedTokens);
            writer.WriteNumber("unused_share", Math.Round(report.UnusedShare, 6));
            writer.WriteNumber("contiguous_unused_share", Math.Round(report.ContiguousUnusedShare, 6));
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    });

    /// <summary>Draws the number of waiting requests over simulated time.</summary>
    public string Plot() => new LineChart(
        "Requests that wait",
        "seconds of virtual time",
        "requests",
        [.. rows.Select(row => new ChartSeries(
            Label(row.Policy),
            [.. row.Report.Moments.Select(moment => (moment.Time, (double)moment.Queued))]))])
    {
        Subtitle = Workload,
    }.ToSvg();

    private string Label(SimulatedPolicy policy)
    {
        var label = policy.Name;
        label += _budgets ? $", budget {Number(policy.Scheduling.MaxTokensPerStep)}" : "";
        return _chunks ? $"{label}, chunk {Number(policy.Scheduling.PrefillTokensBesideDecodes)}" : label;
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Seconds(LatencyDistribution values, double share) => values.Percentile(share) switch
    {
        < 1 and var brief => (brief * 1000).ToString(brief < 0.1 ? "F1" : "F0", CultureInfo.InvariantCulture) + " ms",
        var lengthy => lengthy.ToString(lengthy < 100 ? "F1" : "F0", CultureInfo.InvariantCulture) + " s",
    };
}
