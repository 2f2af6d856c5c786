using System.Diagnostics;
using System.Text.Json;

namespace TorchKv.Benchmarks.Peers;

/// <summary>A <see cref="Worker"/> in a process of its own, asked over its standard input.</summary>
internal sealed class WorkerProcess : IDisposable
{
    private readonly Process _process;

    /// <summary>Starts this program again as a worker and waits until its model is loaded.</summary>
    public WorkerProcess(params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        Read();
    }

    /// <summary>A request that is answered with a number.</summary>
    public double Number(string request) => Ask(request).GetDouble();

    /// <summary>A request that is answered with a list of numbers.</summary>
    public double[] Numbers(string request) => [.. Ask(request).EnumerateArray().Select(e => e.GetDouble())];

    /// <summary>A request that is answered with ids.</summary>
    public int[] Ids(string request) => Ask(request).Deserialize<int[]>()!;

    /// <summary>A request that is answered with measurements taken in turn.</summary>
    public Alternating Alternating(string request) => Ask(request).Deserialize<Alternating>()!;

    /// <summary>Ends the process.</summary>
    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(10_000))
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private JsonElement Ask(string request)
    {
        _process.StandardInput.WriteLine(request);
        _process.StandardInput.Flush();
        return Read();
    }

    private JsonElement Read()
    {
        // A library may print to standard output as it loads; an answer is the next line of JSON.
        while (_process.StandardOutput.ReadLine() is { } line)
        {
            try
            {
                return JsonSerializer.Deserialize<JsonElement>(line);
            }
            catch (JsonException)
            {
                Console.Error.WriteLine(line);
            }
        }

        throw new InvalidOperationException($"A worker ended with exit code {(_process.WaitForExit(1000) ? _process.ExitCode : -1)} instead of answering.");
    }
}
