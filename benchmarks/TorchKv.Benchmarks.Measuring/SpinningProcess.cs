using System.Diagnostics;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>Another process that keeps the last core busy while this object lives.</summary>
internal sealed class SpinningProcess : IDisposable
{
    private readonly Process _process = Process.Start(
        new ProcessStartInfo(Environment.ProcessPath!, [SpinCommand.CommandName]))!;

    public SpinningProcess()
    {
        if (OperatingSystem.IsLinux() || OperatingSystem.IsWindows())
        {
            _process.ProcessorAffinity = (nint)1 << (Environment.ProcessorCount - 1);
        }

        // Until its start is over, and it does nothing but spin.
        Thread.Sleep(300);
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
