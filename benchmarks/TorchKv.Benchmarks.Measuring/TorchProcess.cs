using System.Text.Json;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>
/// A worker over libtorch: a process with a model loaded that runs what it is asked and is idle in between.
/// </summary>
internal sealed class TorchProcess : IDisposable
{
    private readonly LineProcess _process;

    private TorchProcess(LineProcess process, TorchReady ready) => (_process, Ready) = (process, ready);

    /// <summary>What it runs on.</summary>
    public TorchReady Ready { get; }

    /// <summary>
    /// The Python that PyTorch is looked for in: the environment's TORCHKV_PYTHON, else the system's.
    /// </summary>
    public static string Python =>
        Environment.GetEnvironmentVariable("TORCHKV_PYTHON") is { Length: > 0 } chosen ? chosen
        : File.Exists("/usr/bin/python3") ? "/usr/bin/python3"
        : "python3";

    /// <summary>Starts a worker and waits until its model is loaded; null, and why, where it cannot.</summary>
    public static TorchProcess? Start(
        string program,
        IEnumerable<string> arguments,
        out string reason,
        IReadOnlyDictionary<string, string>? environment = null) =>
        LineProcess.Start(program, arguments, out var ready, out reason, environment) is { } process
            ? new TorchProcess(process, ready.Deserialize(TorchJson.Default.TorchReady)!)
            : null;

    public TorchAnswer Ask(TorchRequest request) =>
        _process.Ask(JsonSerializer.Serialize(request, TorchJson.Default.TorchRequest))
            .Deserialize(TorchJson.Default.TorchAnswer)!;

    public void Dispose() => _process.Dispose();
}
