using System.Diagnostics;
using System.Text.Json;

namespace TorchKv.Benchmarks.Port;

/// <summary>One side of the comparison: a process with the model loaded, that runs what it is asked and is idle between.</summary>
internal sealed class PortProcess : IDisposable
{
    private readonly Process process;

    private PortProcess(Process process, PortReady ready)
    {
        this.process = process;
        Ready = ready;
    }

    public PortReady Ready { get; }

    /// <summary>Starts a worker and waits until its model is loaded; null, and why, where it cannot.</summary>
    public static PortProcess? Start(string program, string[] arguments, out string reason, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        try
        {
            var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            if (process.StandardOutput.ReadLine() is { } line)
            {
                reason = "";
                return new PortProcess(process, JsonSerializer.Deserialize(line, PortJson.Default.PortReady)!);
            }

            process.WaitForExit();
            reason = errors.Result.Trim().Split('\n')[^1];
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            reason = error.Message;
        }

        return null;
    }

    public PortAnswer Ask(PortRequest request)
    {
        process.StandardInput.WriteLine(JsonSerializer.Serialize(request, PortJson.Default.PortRequest));
        process.StandardInput.Flush();
        return process.StandardOutput.ReadLine() is { } line
            ? JsonSerializer.Deserialize(line, PortJson.Default.PortAnswer)!
            : throw new InvalidOperationException($"{Ready.Ready}: the worker ended in the middle of {request}.");
    }

    public void Dispose()
    {
        process.StandardInput.Close();
        if (!process.WaitForExit(5_000))
        {
            process.Kill();
        }

        process.Dispose();
    }
}
