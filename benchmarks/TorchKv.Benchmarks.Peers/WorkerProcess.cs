using System.Text.Json;
using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Peers;

/// <summary>A <see cref="Worker"/> in a process of its own, asked over its standard input.</summary>
internal sealed class WorkerProcess : IDisposable
{
    private readonly LineProcess _process;

    /// <summary>Starts this program again as a worker and waits until its model is loaded.</summary>
    /// <param name="arguments">The options of <see cref="WorkerCommand"/>.</param>
    public WorkerProcess(params IEnumerable<string> arguments) =>
        _process = LineProcess.Start(
            Environment.ProcessPath!, [WorkerCommand.CommandName, .. arguments], out _, out var reason)
            ?? throw new InvalidDataException($"A worker did not start: {reason}");

    /// <summary>A request that is answered with a number.</summary>
    public double Number(string request) => _process.Ask(request).GetDouble();

    /// <summary>A request that is answered with a list of numbers.</summary>
    public double[] Numbers(string request) => [.. _process.Ask(request).EnumerateArray().Select(e => e.GetDouble())];

    /// <summary>A request that is answered with ids.</summary>
    public int[] Ids(string request) => _process.Ask(request).Deserialize<int[]>()!;

    /// <summary>A request that is answered with measurements taken in turn.</summary>
    public Alternating Alternating(string request) => _process.Ask(request).Deserialize<Alternating>()!;

    /// <summary>Ends the process.</summary>
    public void Dispose() => _process.Dispose();
}
