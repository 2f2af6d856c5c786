using System.Runtime.CompilerServices;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
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
        ModelRequest request,
        CliConsole console,
        CancellationToken cancellationToken,
        SchedulingOptions? scheduling = null) => LoadAsync(
        request,
        console,
        () =>
        {
            // The weights come from the disk or the page cache while the vocabulary is parsed
            var tokenizer = Task.Run(
                () => (Tokenizer: LoadTokenizer(request.Directory, out var problem), Problem: problem), cancellationToken);
            var runner = RunnerLoader.Load(request, cancellationToken);
            LoadedRunner? draft = null;
            try
            {
                draft = LoadDraft(request, runner, cancellationToken);
                var (loaded, problem) = tokenizer.GetAwaiter().GetResult();
                return new LoadedModel(runner, loaded, scheduling, draft) { TokenizerProblem = problem };
            }
            catch
            {
                draft?.Dispose();
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

    /// <summary>The folder's tokenizer; null where it has none, or one that cannot be used: the model still takes ids.</summary>
    /// <param name="directory">The model's folder.</param>
    /// <param name="problem">Why a tokenizer that is there cannot be used; otherwise null.</param>
    public static Gpt2Tokenizer? LoadTokenizer(string directory, out string? problem)
    {
        problem = null;
        return Gpt2Tokenizer.Exists(directory) && Gpt2Tokenizer.TryLoad(directory, out var tokenizer, out problem)
            ? tokenizer
            : null;
    }

    private static LoadedRunner? LoadDraft(
        ModelRequest request, LoadedRunner model, CancellationToken cancellationToken)
    {
        if (request.DraftDirectory is not { } directory)
        {
            return null;
        }

        ThrowIfNoFolder("--draft-model", directory);

        // The drafts of a sequence take as many blocks as the sequence does.
        var pool = new PoolSize(model.Runner.BlockCount, null);
        return RunnerLoader.Load(request with { Directory = directory, Pool = pool }, cancellationToken);
    }

    private static void ThrowIfNoFolder(string option, string directory)
    {
        if (!Directory.Exists(directory))
        {
            throw new TorchKvException(
                $"{option} {directory} is not a folder; it takes a checkpoint in HuggingFace's layout "
                + "(config.json beside the weights).");
        }
    }

    private static async Task<T> LoadAsync<T>(
        ModelRequest request, CliConsole console, Func<T> load, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfNoFolder("--model", request.Directory);
        if (console.ErrorIsTerminal)
        {
            // A line that wraps could not be taken away again
            var note = $"loading {request.Directory} …";
            await console.Error.WriteAsync(
                $"\r\e[2K{console.ErrorStyle.Dim(note.Length < console.Width ? note : "loading …")}")
                .ConfigureAwait(false);
        }

        T loaded;
        try
        {
            loaded = await Task.Run(load, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (console.ErrorIsTerminal)
            {
                await console.Error.WriteAsync("\r\e[2K").ConfigureAwait(false);
            }
        }

        // Opening reads the headers alone
        using var checkpoint = Checkpoint.Open(request.Directory);
        foreach (var warning in checkpoint.Warnings)
        {
            await console.Error.WriteLineAsync($"torchkv: {warning}").ConfigureAwait(false);
        }

        return loaded;
    }
}
