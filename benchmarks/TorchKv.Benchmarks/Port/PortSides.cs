using System.Globalization;
using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// Both sides of the comparison with one dtype, each a process with the model loaded, asked in turns, so that what else
/// the machine does falls on both.
/// </summary>
internal sealed class PortSides(PortModel model, string device, string dtype, int threads)
{
    // On some machines the later of two processes is some per cent faster for as long as it lives: each side is it
    // once.
    private const int Sessions = 2;

    /// <summary>What PyTorch's side runs on; null before <see cref="Run"/>, and where there is none.</summary>
    public TorchReady? PyTorch { get; private set; }

    /// <summary>What the port's side runs on.</summary>
    public TorchReady? Port { get; private set; }

    /// <summary>The device's limits, the best of both sessions.</summary>
    public PortLimits Limits { get; private set; }

    /// <summary>Measures all cases.</summary>
    /// <param name="cases">The cases.</param>
    /// <param name="rounds">How often each side is asked in a session.</param>
    /// <param name="progress">Is told what is measured next.</param>
    /// <exception cref="InvalidDataException">The port's side does not start.</exception>
    public void Run(IReadOnlyList<PortCase> cases, int rounds, Action<string> progress)
    {
        for (var session = 0; session < Sessions; session++)
        {
            using var early = session == 0 ? StartPython(out _) : null;
            using var port = StartPort();
            var why = "";
            using var late = early is null ? StartPython(out why) : null;
            var python = early ?? late;
            (PyTorch, Port) = (python?.Ready, port.Ready);
            if (session == 0 && python is null)
            {
                Console.Error.WriteLine(
                    $"No PyTorch to compare with: {why} (Debian/Ubuntu: apt-get install python3-torch python3-numpy; "
                        + "TORCHKV_PYTHON names another Python.)");
            }

            var limits = MeasureLimits(port);
            Limits = session == 0
                ? limits
                : new PortLimits(
                    Math.Max(Limits.BytesPerSecond, limits.BytesPerSecond),
                    Math.Max(Limits.OperationsPerSecond, limits.OperationsPerSecond));
            foreach (var measured in cases)
            {
                progress($"{dtype} {session + 1}/{Sessions} {measured}");
                measured.Run(python is null ? null : python.Ask, port.Ask, rounds, session);
            }
        }
    }

    /// <summary>A worker of the port's.</summary>
    public static TorchProcess Start(string folder, string device, string dtype, int threads)
    {
        string[] arguments =
        [
            PortWorkerCommand.CommandName,
            "--model",
            folder,
            "--threads",
            threads.ToString(CultureInfo.InvariantCulture),
            "--device",
            device,
            "--dtype",
            dtype,
        ];
        return TorchProcess.Start(PortProgram.Path, arguments, out var why)
            ?? throw new InvalidDataException($"The port does not start: {why}");
    }

    private TorchProcess StartPort() => Start(model.Folder, device, dtype, threads);

    private TorchProcess? StartPython(out string why)
    {
        string[] arguments =
        [
            RepositoryFolder.At("benchmarks", "compare", "gpt2_pytorch.py"),
            model.Folder,
            threads.ToString(CultureInfo.InvariantCulture),
            device,
            dtype,
        ];
        if (TorchProcess.Start(TorchProcess.Python, arguments, out why) is not { } process)
        {
            return null;
        }

        try
        {
            // An old PyTorch does not have every operation in every dtype.
            process.Ask(new TorchRequest("static", Batch: 1, Prompt: 2, New: 2));
            return process;
        }
        catch (InvalidDataException error)
        {
            process.Dispose();
            why = error.Message;
            return null;
        }
    }

    private PortLimits MeasureLimits(TorchProcess port)
    {
        if (!PortShapes.IsCpu(device))
        {
            var answer = port.Ask(new TorchRequest(TorchRequest.Limits, 0, 0, 0));
            return new PortLimits(answer.BytesPerSecond, answer.OperationsPerSecond);
        }

        using var peaks = new MachinePeaks(Environment.ProcessorCount);
        var operations = dtype == "float32" ? Enumerable.Range(0, 5).Max(_ => peaks.Flops()) : double.NaN;
        return new PortLimits(MachinePeaks.BestRead(Environment.ProcessorCount), operations);
    }
}
