using System.Runtime.CompilerServices;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Models;

/// <summary>
/// Loads models for commands on another thread, so that an interrupt ends the loading at once. On a terminal a note
/// says that a model is being loaded.
/// </summary>
internal static class ModelLoader
{
    /// <summary>Loads a model and its tokenizer into an engine.</summary>
    public static Task<LoadedModel> LoadAsync(
        ModelRequest request,
        CliConsole console,
        CancellationToken cancellationToken,
        SchedulingOptions? scheduling = null) => LoadAsync(
        request,
        console,
        checkpoint =>
        {
            // The vocabulary is parsed while the weights are read
            var tokenizer = Task.Run(
                () => (Tokenizer: LoadTokenizer(request.Directory, out var problem), Problem: problem),
                cancellationToken);
            var runner = RunnerLoader.Load(request, checkpoint, cancellationToken);
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

    /// <summary>Loads a model on a runner without an engine.</summary>
    public static Task<LoadedRunner> LoadRunnerAsync(
        ModelRequest request, CliConsole console, CancellationToken cancellationToken) =>
        LoadAsync(
            request,
            console,
            checkpoint => RunnerLoader.Load(request, checkpoint, cancellationToken),
            cancellationToken);

    /// <summary>Loads the port's model, which has its own cache and needs no engine.</summary>
    // Not inlined: it names TorchSharp's types
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Task<PortModel> LoadPortAsync(
        ModelRequest request, CliConsole console, CancellationToken cancellationToken) => LoadAsync(
        request,
        console,
        checkpoint =>
        {
            Libtorch.ThrowIfMissing();
            return PortModel.Load(request, checkpoint, cancellationToken);
        },
        cancellationToken);

    /// <summary>Loads the folder's tokenizer. A model can be used by token ids without one.</summary>
    /// <param name="directory">The model's folder.</param>
    /// <param name="problem">Why a tokenizer that is there cannot be used; otherwise null.</param>
    /// <returns>Null where there is none, or one that cannot be used.</returns>
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
        using var checkpoint = Checkpoint.Open(directory);
        return RunnerLoader.Load(request with { Directory = directory, Pool = pool }, checkpoint, cancellationToken);
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
        ModelRequest request, CliConsole console, Func<Checkpoint, T> load, CancellationToken cancellationToken)
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
        IReadOnlyList<string> warnings;
        try
        {
            (loaded, warnings) = await Task.Run(Open, cancellationToken)
                .WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (console.ErrorIsTerminal)
            {
                await console.Error.WriteAsync("\r\e[2K").ConfigureAwait(false);
            }
        }

        foreach (var warning in warnings)
        {
            console.WarnOnce(warning);
        }

        return loaded;

        (T, IReadOnlyList<string>) Open()
        {
            using var checkpoint = Checkpoint.Open(request.Directory);
            return (load(checkpoint), checkpoint.Warnings);
        }
    }
}
