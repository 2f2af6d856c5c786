using System.CommandLine;
using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// <c>port-worker</c>: the port's side of the comparison in a process of its own, asked over its standard input.
/// </summary>
internal sealed class PortWorkerCommand : Command
{
    public const string CommandName = "port-worker";

    private readonly Option<string> _model = BenchOption.Required("--model", "DIR", "the checkpoint");
    private readonly Option<int> _threads = BenchOption.Threads(1, "libtorch's threads");

    public PortWorkerCommand()
        : base(CommandName, "The port's side of the comparison.")
    {
        Hidden = true;
        foreach (var option in (Option[])[_model, _threads])
        {
            Options.Add(option);
        }

        SetAction(parsed => PortWorker.Run(parsed.GetValue(_model)!, parsed.GetValue(_threads)));
    }
}
