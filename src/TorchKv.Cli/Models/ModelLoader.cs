using System.Runtime.CompilerServices;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>Chooses the runner and loads the model on it.</summary>
internal static class ModelLoader
{
    /// <summary>Loads a model.</summary>
    /// <param name="request">Which, and on what.</param>
    /// <param name="cache">The port's cache; the CPU runner has its own.</param>
    /// <param name="console">Says what takes a while.</param>
    /// <param name="cancellationToken">Ends the loading between steps.</param>
    public static ILanguageModel Load(ModelRequest request, CacheChoice cache, CliConsole console, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!Directory.Exists(request.Directory))
        {
            throw new TorchKvException($"--model {request.Directory} is not a folder; it takes a checkpoint in HuggingFace's layout (config.json beside the weights).");
        }

        if (console.ErrorIsTerminal)
        {
            // A line that wraps could not be taken away again.
            var note = $"loading {request.Directory} …";
            console.Error.Write($"\r\e[2K{console.ErrorStyle.Dim(note.Length < console.Width ? note : "loading …")}");
        }

        try
        {
            if (Runner(request) is RunnerKind.Cpu)
            {
                return RunnerLanguageModel.Load(request);
            }

            Libtorch.ThrowIfMissing();
            return LoadTorch(request, cache);
        }
        finally
        {
            if (console.ErrorIsTerminal)
            {
                console.Error.Write("\r\e[2K");
            }
        }
    }

    // Automatic means CUDA where there is one; the question loads libtorch only where an NVIDIA driver is.
    private static RunnerKind Runner(ModelRequest request) => request switch
    {
        { Runner: { } asked } => asked,
        { Device: "cpu" } => request.Dtype == "float16" ? RunnerKind.Torch : RunnerKind.Cpu,
        _ => TorchFacts.CudaDevices() > 0 || request.Dtype == "float16" ? RunnerKind.Torch : RunnerKind.Cpu,
    };

    // Not inlined: a method that names TorchSharp's types loads them when it is compiled, and the CPU runner has to work without.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ILanguageModel LoadTorch(ModelRequest request, CacheChoice cache) => TorchLanguageModel.Load(request, cache);
}
