using System.CommandLine;
using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Kernels;

/// <summary><c>probe</c>: the machine's limits now, each way of reading by itself.</summary>
internal sealed class ProbeCommand : Command
{
    private readonly Option<int> _threads = BenchOption.Threads(
        Environment.ProcessorCount, "threads that read and compute");

    public ProbeCommand()
        : base("probe", "Bytes a second from memory, and operations a second.")
    {
        Options.Add(_threads);
        SetAction(parsed => Run(parsed.GetValue(_threads)));
    }

    private static void Run(int threads)
    {
        using var peaks = new MachinePeaks(threads);
        var passes = Enumerable.Range(0, 12 * MachinePeaks.ReadWays)
            .Select(pass => pass % MachinePeaks.ReadWays)
            .Select(way => (Way: way, Rate: peaks.Read(way)))
            .ToList();
        foreach (var way in passes.GroupBy(pass => pass.Way))
        {
            var (median, best) = (Statistics.Median(way.Select(pass => pass.Rate)), way.Max(pass => pass.Rate));
            Console.WriteLine($"read, way {way.Key}: median {median / 1e9:F1} GB/s, best {best / 1e9:F1}");
        }

        var flops = Statistics.Median(Enumerable.Range(0, 9).Select(_ => peaks.Flops()));
        var dots = Statistics.Median(Enumerable.Range(0, 9).Select(_ => peaks.DotOperations()));
        Console.WriteLine($"FMA {flops / 1e9:F0} GFLOP/s, integer dot products {dots / 1e9:F0} GOP/s");
    }
}
