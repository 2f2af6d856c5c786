using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Serving;

namespace TorchKv.Running;

/// <summary>
/// Makes an <see cref="Engine"/> over a <see cref="TorchRunner"/>, as <see cref="Engine.LoadAsync"/> makes one over the
/// CPU runner.
/// </summary>
public static class TorchEngine
{
    /// <summary>Loads a model folder in HuggingFace's layout onto libtorch, on any of its devices.</summary>
    /// <param name="directory">
    /// The folder: <c>config.json</c>, safetensors, and a tokenizer (<c>tokenizer.json</c>, or <c>vocab.json</c> with
    /// <c>merges.txt</c>) where prompts are text. A tokenizer that cannot be used is no error: requests are then token
    /// ids, and <see cref="Engine.TokenizerProblem"/> says why.
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
        CancellationToken cancellationToken = default) => Engine.LoadAsync(
            directory,
            options,
            draftDirectory,
            folder => TorchRunner.Load(folder, torch, cancellationToken),
            runner => runner.Kept,
            cancellationToken);
}
