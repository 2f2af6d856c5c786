using System.CommandLine;
using System.Globalization;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Benchmarks.Serving;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Files;

namespace TorchKv.Benchmarks.Batch;

/// <summary><c>batch</c>: how many jobs a second PostgreSQL carries, and whether any is lost when processes die.</summary>
internal sealed class BatchCommand : Command
{
    private static readonly string[] s_parts = ["speed", "faults"];

    private readonly Option<int> _jobs = BenchOption.Number(
        "--jobs", 1000, 100_000_000, 1_000_000, "jobs of the row speed");
    private readonly Option<int> _faultJobs = BenchOption.Number(
        "--fault-jobs", 1000, 100_000_000, 200_000, "jobs of the rows with faults");
    private readonly Option<int> _kills = BenchOption.Number(
        "--database-kills", 0, 100, 5, "how often all of PostgreSQL is killed");
    private readonly Option<int> _workers = BenchOption.Number("--workers", 1, 64, 3, "processes of workers");
    private readonly Option<int> _seed = BenchOption.Number("--seed", 0, int.MaxValue, 1, "chooses the moments");
    private readonly Option<string[]> _only = BenchOption.Several("--only", s_parts, s_parts, "some of the rows");
    private readonly Option<string?> _json = BenchOption.Json();

    public BatchCommand()
        : base("batch", "Batches on PostgreSQL with an empty engine: their speed, and processes that die.")
    {
        foreach (var option in (Option[])[_jobs, _faultJobs, _kills, _workers, _seed, _only, _json])
        {
            Options.Add(option);
        }

        SetAction((parsed, _) => RunAsync(parsed));
    }

    private async Task<int> RunAsync(ParseResult parsed)
    {
        if (PostgresServer.Missing is { } missing)
        {
            throw new TorchKvException(missing);
        }

        var figures = new List<Figure>();
        await using (var postgres = await PostgresServer.StartAsync())
        {
            foreach (var part in parsed.GetValue(_only)!)
            {
                var options = new ProofOptions
                {
                    Jobs = parsed.GetValue(part == "speed" ? _jobs : _faultJobs),
                    Workers = parsed.GetValue(_workers),
                    Seed = parsed.GetValue(_seed),
                };
                if (part == "faults")
                {
                    options = options with
                    {
                        JobTime = TimeSpan.FromMilliseconds(1),
                        DatabaseKills = parsed.GetValue(_kills),
                        WorkerKills = 2,
                        WorkerStops = 1,
                    };
                }

                var report = await Proof.RunAsync(options, postgres);
                figures.AddRange(part == "speed" ? Speed(report) : Faults(report, options));
            }
        }

        FigureTable.Write(Console.Out, figures);
        if (parsed.GetValue(_json) is { } json)
        {
            AtomicFile.WriteText(json, FigureTable.Json(figures, "empty", parsed.GetValue(_workers)) + "\n");
        }

        return 0;
    }

    private static IEnumerable<Figure> Speed(ProofReport report)
    {
        var jobs = string.Create(CultureInfo.InvariantCulture, $"{report.Jobs:N0} jobs");
        yield return new Figure(
            "claim and finish, jobs/s", report.JobsPerSecond, "≥ 5000", $"{jobs}, {report.Status}");
        yield return new Figure("submit, jobs/s", report.Jobs / report.ImportSeconds, "", "checked and copied in");
        yield return new Figure("upload, seconds", report.UploadSeconds, "", jobs);
        yield return new Figure("output files, seconds", report.FileSeconds, "", jobs);
        yield return new Figure("results missing", report.Lost + report.Open, "≤ 0", jobs);
        yield return new Figure("results wrong or double", report.Wrong + report.Twice, "≤ 0", jobs);
    }

    private static IEnumerable<Figure> Faults(ProofReport report, ProofOptions options)
    {
        var what = string.Create(
            CultureInfo.InvariantCulture,
            $"{report.Jobs:N0} jobs, PostgreSQL killed {options.DatabaseKills} times, workers {options.WorkerKills}, "
            + $"one stopped past its lease; {report.Status} in {report.RunSeconds:F0} s");
        yield return new Figure("lost", report.Lost, "≤ 0", what);
        yield return new Figure("read twice", report.Twice, "≤ 0", "output and errors together");
        yield return new Figure("wrong or out of order", report.Wrong, "≤ 0", "against the job's own number");
        yield return new Figure("left open", report.Open, "≤ 0", "rows of jobs");
        yield return new Figure("rows of results", report.Results, $"≥ {report.Jobs}", "a separate query");
        yield return new Figure("PostgreSQL away, seconds", report.AwaySeconds, "", "the longest time");
        yield return new Figure("jobs/s with faults", report.JobsPerSecond, "", "");
    }
}
