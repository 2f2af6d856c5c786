using System.Diagnostics;
using System.Globalization;

namespace TorchKv.Benchmarks.Batch;

/// <summary>A <see cref="BatchWorkerCommand"/> in its process.</summary>
internal sealed class WorkerProcess : IDisposable
{
    private readonly Process _process;

    private WorkerProcess(Process process) => _process = process;

    public bool HasEnded => _process.HasExited;

    public static WorkerProcess Start(ProofOptions options, string connection) => new(Process.Start(
        new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "TorchKv.Benchmarks"),
            [
                BatchWorkerCommand.CommandName, "--postgres", connection,
                "--lease-milliseconds", Number(options.Lease), "--job-milliseconds", Number(options.JobTime),
                "--concurrency", options.Concurrency.ToString(CultureInfo.InvariantCulture),
            ]))!);

    public void Send(int signal) => Signals.Send(_process.Id, signal);

    /// <summary>Asks it to end, and waits until it has.</summary>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Send(Signals.Continue);
            Send(Signals.Terminate);
            if (!_process.WaitForExit(20_000))
            {
                Send(Signals.Kill);
                _process.WaitForExit();
            }
        }

        _process.Dispose();
    }

    private static string Number(TimeSpan time) =>
        ((int)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
}
