using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using TorchKv.Benchmarks.Measuring;
using TorchKv.Loading;
using TorchKv.Models;
using static TorchSharp.torch;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// <c>port-worker</c>: a <see cref="PortWorker"/> in a process of its own, asked over its standard input.
/// </summary>
internal sealed class PortWorkerCommand : Command
{
    public const string CommandName = "port-worker";

    private readonly Option<string> _model = BenchOption.Required("--model", "DIR", "the checkpoint");
    private readonly Option<int> _threads = BenchOption.Threads(1, "libtorch's threads");
    private readonly Option<string> _device = BenchOption.Required("--device", "DEVICE", "cpu, cuda or cuda:N");
    private readonly Option<string> _dtype = BenchOption.Required("--dtype", "DTYPE", "of weights, keys and values");

    public PortWorkerCommand()
        : base(CommandName, "The port's side of the comparison.")
    {
        Hidden = true;
        _dtype.AcceptOnlyFromAmong(PortShapes.DTypes);
        foreach (var option in (Option[])[_model, _threads, _device, _dtype])
        {
            Options.Add(option);
        }

        SetAction(Serve);
    }

    private void Serve(ParseResult parsed)
    {
        set_num_threads(parsed.GetValue(_threads));
        var device = Devices.parse(parsed.GetValue(_device)!);
        _ = zeros(1, device: device);
        var before = ProcessMemory.Resident();
        var dtype = Enum.Parse<ScalarType>(parsed.GetValue(_dtype)!, ignoreCase: true);
        using var model = GPTModel.from_pretrained(parsed.GetValue(_model)!, device, dtype);
        model.eval();
        Write(
            new TorchReady
            {
                Ready =
                    $"TorchKv on libtorch {__version__}, {get_num_threads()} thread(s), {device}{GpuName.Of(device)}",
                Peak = ProcessMemory.Peak(),
                Before = before,
            },
            TorchJson.Default.TorchReady);
        var worker = new PortWorker(model, device);
        while (Console.In.ReadLine() is { } line)
        {
            Write(
                worker.Answer(JsonSerializer.Deserialize(line, TorchJson.Default.TorchRequest)!),
                TorchJson.Default.TorchAnswer);
        }
    }

    private static void Write<T>(T answer, JsonTypeInfo<T> type)
    {
        Console.Out.WriteLine(JsonSerializer.Serialize(answer, type));
        Console.Out.Flush();
    }
}
