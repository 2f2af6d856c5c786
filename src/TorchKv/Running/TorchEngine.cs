using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Serving.Sessions;
using TorchKv.Runtime.Text;

namespace TorchKv.Running;

/// <summary>
/// Makes an <see cref="Engine"/> over a <see cref="TorchRunner"/>, as <see cref="Engine.LoadAsync"/> makes one over the
/// CPU runner.
/// </summary>
public static class TorchEngine
{
    /// <summary>Loads a model folder in HuggingFace's layout onto libtorch, on any of its devices.</summary>
    /// <param name="directory">
    /// The folder: <c>config.json</c>, safetensors, and <c>vocab.json</c> with <c>merges.txt</c> where prompts are
    /// text.
    /// </param>
    /// <param name="options">How the engine runs.</param>
    /// <param name="torch">Where the model is kept: device, dtypes, blocks in the pool.</param>
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
        TorchRunnerOptions? torch = null,
        string? draftDirectory = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return Task.Run(
            () =>
            {
                var tokenizer = Gpt2Tokenizer.Exists(directory) ? Gpt2Tokenizer.Load(directory) : null;
                var runner = TorchRunner.Load(directory, torch, cancellationToken);
                TorchRunner? draft = null;
                try
                {
                    draft = draftDirectory is null ? null : TorchRunner.Load(draftDirectory, torch, cancellationToken);
                    options ??= new EngineOptions();
                    var identity = options.ModelIdentity ?? ModelIdentity.OfFolder(directory, runner.Kept);
                    return new Engine(runner, tokenizer, options with { ModelIdentity = identity }, draft);
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
