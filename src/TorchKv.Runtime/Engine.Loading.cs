using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Serving.Sessions;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime;

/// <content>Composition: the one file that knows which runner an engine gets.</content>
public sealed partial class Engine
{
    /// <summary>Loads a model folder in HuggingFace's layout onto the CPU runner.</summary>
    /// <param name="directory">
    /// The folder: <c>config.json</c>, safetensors, and <c>vocab.json</c> with <c>merges.txt</c> where prompts are
    /// text.
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
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        return Task.Run(
            () =>
            {
                var tokenizer = Gpt2Tokenizer.Exists(directory) ? Gpt2Tokenizer.Load(directory) : null;
                cancellationToken.ThrowIfCancellationRequested();
                var runner = CpuRunner.Load(directory, cpu, cancellationToken);
                CpuRunner? draft = null;
                try
                {
                    draft = draftDirectory is null ? null : CpuRunner.Load(draftDirectory, cpu, cancellationToken);
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
