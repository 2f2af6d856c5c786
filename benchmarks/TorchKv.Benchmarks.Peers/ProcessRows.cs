using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Peers;

/// <summary>
/// The command line as a process: how soon it gives a token, how much memory it takes. The file is in the page cache.
/// </summary>
internal sealed class ProcessRows(PeerSet set, Action<PeerRow> tell)
{
    public void Run()
    {
        List<double> starts = [], peaks = [];
        for (var round = 0; round < (set.Options.Quick ? 3 : 7); round++)
        {
            var began = Stopwatch.GetTimestamp();
            using var process = Generate(2);
            process.StandardOutput.Read();
            starts.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
        }

        for (var round = 0; round < (set.Options.Quick ? 1 : 3); round++)
        {
            using var process = Generate(100);
            peaks.Add(PeakOf(process));
        }

        var start = Statistics.Median(starts.Skip(1));
        tell(
            new PeerRow("cold start to the first token, float32", "s", start)
            {
                Aims = [new Aim("", start, AtLeast: false, 1, "s")],
            });
        var weights = set.Files.Config.ParameterCount * (double)sizeof(float);
        var peak = Statistics.Median(peaks);
        tell(
            new PeerRow("peak RSS ÷ weights, float32", "MB", peak / 1e6)
            {
                Other = weights / 1e6,
                OtherName = "weights",
                Ratio = peak / weights,
                Aims = [Aim.RatioAtMost(peak / weights, 1.25)],
            });
    }

    private Process Generate(int tokens) => Process.Start(new ProcessStartInfo(
        set.Options.CommandLine,
        [
            "generate",
            "--model",
            set.Files.Checkpoint,
            "--runner",
            "cpu",
            "--threads",
            PeerSet.Text(set.Options.Threads),
            "--prompt-ids",
            "1,2,3,4",
            "--max-new-tokens",
            PeerSet.Text(tokens),
            "--eos-token-id",
            "none"
        ])
    { RedirectStandardOutput = true })!;

    /// <summary>
    /// The kernel's high-water mark as it stood when it was last seen: it only grows, and most of the run is decoding.
    /// </summary>
    private static double PeakOf(Process process)
    {
        double peak = 0;
        var output = process.StandardOutput.ReadToEndAsync();
        while (!process.WaitForExit(5))
        {
            peak = Math.Max(peak, ProcessMemory.PeakOf(process.Id));
        }

        output.Wait();
        return peak;
    }
}
