using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Serving.Sessions;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime;

/// <content>Composition: the one file that knows which runner an engine gets.</content>
public sealed partial class Engine
{
    /// <summary>Loads a model folder in HuggingFace's layout onto the CPU runner.</summary>
    /// <param name="directory">
    /// The folder: <c>config.json</c>, safetensors, and a tokenizer (<c>tokenizer.json</c>, or <c>vocab.json</c> with
    /// <c>merges.txt</c>) where prompts are text. A tokenizer that cannot be used is no error: requests are then token
    /// ids, and <see cref="TokenizerProblem"/> says why.
    /// </param>
    /// <param name="options">How the engine runs.</param>
    /// <param name="cpu">How the CPU runner keeps the model: dtypes, threads, blocks in the pool.</param>
    /// <param name="draftDirectory">
    /// A smaller model of the same vocabulary that drafts for the requests that ask for it; null: none.
    /// </param>
    /// <param name="cancellationToken">Ends the loading.</param>
    /// <exception cref="TorchKvException">
    /// A file is missing or cannot be used; the message names it and says why.
    /// </exception>
    public static Task<Engine> LoadAsync(
        string directory,
        EngineOptions? options = null,
        CpuRunnerOptions? cpu = null,
        string? draftDirectory = null,
        CancellationToken cancellationToken = default) => LoadAsync(
            directory,
            options,
            draftDirectory,
            folder => CpuRunner.Load(folder, cpu, cancellationToken),
            runner => runner.Kept,
            cancellationToken);

    /// <summary>Loads a model folder, and a draft model's, onto any runner.</summary>
    /// <param name="directory">The model's folder.</param>
    /// <param name="options">How the engine runs.</param>
    /// <param name="draftDirectory">The draft model's folder; null: none.</param>
    /// <param name="load">Loads a folder onto a runner.</param>
    /// <param name="kept">How a runner keeps keys and values, for the model's identity.</param>
    /// <param name="cancellationToken">Ends the loading.</param>
    internal static Task<Engine> LoadAsync<TRunner>(
        string directory,
        EngineOptions? options,
        string? draftDirectory,
        Func<string, TRunner> load,
        Func<TRunner, string> kept,
        CancellationToken cancellationToken)
        where TRunner : class, IModelRunner
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return Task.Run(
            () =>
            {
                string? problem = null;
                var tokenizer = Gpt2Tokenizer.Exists(directory)
                    && Gpt2Tokenizer.TryLoad(directory, out var usable, out problem)
                    ? usable
                    : null;
                cancellationToken.ThrowIfCancellationRequested();
                var runner = load(directory);
                TRunner? draft = null;
                try
                {
                    draft = draftDirectory is null ? null : load(draftDirectory);
                    options ??= new EngineOptions();
                    var identity = options.ModelIdentity ?? ModelIdentity.OfFolder(directory, kept(runner));
                    return new Engine(runner, tokenizer, problem, options with { ModelIdentity = identity }, draft);
                }
                catch
                {
                    draft?.Dispose();
                    runner.Dispose();
                    throw;
                }
            },
            cancellationToken);
    }
}
