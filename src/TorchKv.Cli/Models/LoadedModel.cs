using System.Runtime.CompilerServices;
using System.Threading.Channels;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Serving.Sessions;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Models;

/// <summary>A model that an engine serves, on the CPU runner or on libtorch.</summary>
internal sealed class LoadedModel : IAsyncDisposable
{
    private readonly IModelRunner _runner;

    /// <param name="loaded">The model on its runner, which the engine owns from now on.</param>
    /// <param name="tokenizer">Its tokenizer; null where the folder has none.</param>
    /// <param name="scheduling">How requests are scheduled; null: all prompts of a batch may wait.</param>
    /// <param name="draft">A model that drafts, which the engine owns too; null: none.</param>
    public LoadedModel(
        LoadedRunner loaded,
        Gpt2Tokenizer? tokenizer,
        SchedulingOptions? scheduling = null,
        LoadedRunner? draft = null)
    {
        (_runner, Tokenizer, Description) = (loaded.Runner, tokenizer, loaded.Description);
        var options = new EngineOptions
        {
            Scheduling = scheduling ?? new SchedulingOptions { MaxQueuedRequests = Prompts.MaxBatch },
            ModelIdentity = loaded.Identity,
        };
        Engine = new Engine(loaded.Runner, tokenizer, options, draft?.Runner);
    }

    public Engine Engine { get; }

    /// <summary>
    /// What decides its tokens, in hexadecimal: the hash of its files, the runner and its dtypes. Null: not known.
    /// Computed when it is first asked for, which reads the files whole.
    /// </summary>
    public string? Identity => Engine.ModelIdentity?.ToString();

    public ModelShape Model => Engine.Model;

    public Gpt2Tokenizer? Tokenizer { get; }

    /// <summary>Why the folder's tokenizer cannot be used; null: it can, or there is none.</summary>
    public string? TokenizerProblem { get; init; }

    /// <summary>Model, runner, device, threads and dtype, in words.</summary>
    public string Description { get; }

    /// <summary>The largest use of the pool of KV blocks so far.</summary>
    public async Task<CacheReport> ReadCacheAsync()
    {
        // A snapshot is taken after the counters of the last step are there
        await Engine.SnapshotAsync().ConfigureAwait(false);
        var stats = Engine.Stats;
        return new CacheReport(
            CacheKinds.Paged,
            (long)stats.PeakHeldBlocks * _runner.BlockSize,
            (long)stats.TotalBlocks * _runner.BlockSize,
            stats.PeakHeldBlocks * stats.BytesPerBlock);
    }

    /// <summary>Generates for all prompts at once. Each prompt is one request to the engine.</summary>
    /// <remarks>
    /// A prompt that fills the context has reached its end before its first token, and gets an empty answer.
    /// </remarks>
    /// <exception cref="TorchKvException">A prompt cannot be served; none has been submitted.</exception>
    public IAsyncEnumerable<PromptPiece> GenerateAsync(
        IReadOnlyList<int[]> prompts, GenerationOptions options, CancellationToken cancellationToken)
    {
        options.Validate();

        // Every request is checked by its call, before the first is submitted
        var answers = prompts
            .Select(prompt => prompt.Length == Model.ContextLength && options.Beams is null
                ? Empty(prompt, options)
                : Engine.GenerateAsync(prompt, options, CancellationToken.None))
            .ToList();
        return MergeAsync(answers, cancellationToken);
    }

    public ValueTask DisposeAsync() => Engine.DisposeAsync();

    private static IAsyncEnumerable<GeneratedPiece> Empty(int[] prompt, GenerationOptions options) => Enumerable
        .Range(0, options.Samples)
        .Select(row => new GeneratedPiece
        {
            Row = row,
            FinishReason = FinishReason.Length,
            Usage = new Usage(prompt.Length, 0),
        })
        .ToAsyncEnumerable();

    /// <summary>
    /// Gives the pieces of all answers as they come. The first answer that fails ends all of them, because a batch is
    /// answered whole or not at all.
    /// </summary>
    private static async IAsyncEnumerable<PromptPiece> MergeAsync(
        IReadOnlyList<IAsyncEnumerable<GeneratedPiece>> answers,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var merged = Channel.CreateUnbounded<PromptPiece>(new UnboundedChannelOptions { SingleReader = true });
        var readers = Task.WhenAll(answers.Select((answer, prompt) => ReadAsync(prompt, answer)));
        var all = readers.ContinueWith(
            done => merged.Writer.TryComplete(
                done.IsCanceled ? new OperationCanceledException(cancellationToken) : done.Exception?.InnerException),
            TaskScheduler.Default);
        try
        {
            await foreach (var piece in merged.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return piece;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await all.ConfigureAwait(false);
        }

        async Task ReadAsync(int prompt, IAsyncEnumerable<GeneratedPiece> answer)
        {
            try
            {
                await foreach (var piece in answer.WithCancellation(stop.Token).ConfigureAwait(false))
                {
                    merged.Writer.TryWrite(new PromptPiece(prompt, piece));
                }
            }
            catch
            {
                await stop.CancelAsync().ConfigureAwait(false);
                throw;
            }
        }
    }
}
