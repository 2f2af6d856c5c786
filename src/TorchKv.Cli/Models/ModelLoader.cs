using System.Runtime.CompilerServices;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Models;

/// <summary>
/// Loads models for commands: off the calling thread, with a note on a terminal, and given up as soon as it is
/// interrupted.
/// </summary>
internal static class ModelLoader
{
    /// <summary>A model behind an engine, with its tokenizer.</summary>
    public static Task<LoadedModel> LoadAsync(
        ModelRequest request, CliConsole console, CancellationToken cancellationToken) => LoadAsync(
        request,
        console,
        () =>
        {
            // The weights come from the disk or the page cache while the vocabulary is parsed
            var tokenizer = Task.Run(() => LoadTokenizer(request.Directory), cancellationToken);
            var runner = RunnerLoader.Load(request, cancellationToken);
            try
            {
                return new LoadedModel(runner, tokenizer.GetAwaiter().GetResult());
            }
            catch
            {
                runner.Dispose();
                throw;
            }
        },
        cancellationToken);

    /// <summary>A model on a runner that no engine owns.</summary>
    public static Task<LoadedRunner> LoadRunnerAsync(
        ModelRequest request, CliConsole console, CancellationToken cancellationToken) =>
        LoadAsync(request, console, () => RunnerLoader.Load(request, cancellationToken), cancellationToken);

    /// <summary>The port's model, with a cache of its own.</summary>
    // Not inlined: it names TorchSharp's types
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Task<PortModel> LoadPortAsync(
        ModelRequest request, CliConsole console, CancellationToken cancellationToken) => LoadAsync(
        request,
        console,
        () =>
        {
            Libtorch.ThrowIfMissing();
            return PortModel.Load(request, cancellationToken);
        },
        cancellationToken);

    /// <summary>The folder's tokenizer; null where it has none.</summary>
    public static Gpt2Tokenizer? LoadTokenizer(string directory) =>
        Gpt2Tokenizer.Exists(directory) ? Gpt2Tokenizer.Load(directory) : null;

    private static async Task<T> LoadAsync<T>(
        ModelRequest request, CliConsole console, Func<T> load, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!Directory.Exists(request.Directory))
        {
            throw new TorchKvException(
                $"--model {request.Directory} is not a folder; it takes a checkpoint in HuggingFace's layout "
                + "(config.json beside the weights).");
        }

        if (console.ErrorIsTerminal)
        {
            // A line that wraps could not be taken away again
            var note = $"loading {request.Directory} …";
            await console.Error.WriteAsync(
                $"\r\e[2K{console.ErrorStyle.Dim(note.Length < console.Width ? note : "loading …")}")
                .ConfigureAwait(false);
        }

        try
        {
            return await Task.Run(load, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (console.ErrorIsTerminal)
            {
                await console.Error.WriteAsync("\r\e[2K").ConfigureAwait(false);
            }
        }
    }
}
