using System.CommandLine;
using System.Diagnostics;

namespace TorchKv.Benchmarks.Measuring;

/// <summary><c>spin</c>: a process that keeps a core busy until it is killed, or for a minute.</summary>
internal sealed class SpinCommand : Command
{
    public const string CommandName = "spin";

    public SpinCommand()
        : base(CommandName, "Keeps a core busy.")
    {
        Hidden = true;
        SetAction(_ =>
        {
            for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began).TotalMinutes < 1;)
            {
                Thread.SpinWait(1000);
            }
        });
    }
}
