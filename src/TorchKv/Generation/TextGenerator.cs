using System.Runtime.CompilerServices;
using System.Threading.Channels;
using TorchKv.Caching;
using TorchKv.Models;
using TorchKv.Runtime;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Text;
using static TorchSharp.torch;

namespace TorchKv.Generation;

/// <summary>
/// Text from a <see cref="GPTModel"/>: one prompt or a batch of unequal ones, streamed as it is made, with any cache on any device.
/// </summary>
/// <remarks>
/// The model's cache is the generator's while a generation runs, so there is one at a time: a second one is refused until the
/// first has ended or its enumerator was disposed (leaving an <c>await foreach</c> does that). The work runs on a thread of its
/// own and stays at most a few tokens ahead of the reader.
/// </remarks>
public sealed partial class TextGenerator : IDisposable
{
    // The work waits for a reader who is this many pieces a row behind.
    private const int PiecesAhead = 4;

    private readonly TextGeneratorOptions _options;
    private readonly bool _ownsModel;
    private int _busy;

    /// <summary>A generator over a model that stays the caller's.</summary>
    /// <param name="model">In evaluation mode, on the device where it is to run.</param>
    /// <param name="tokenizer">Its tokenizer; null: prompts are ids, and pieces have no text.</param>
    /// <param name="options">Cache and end-of-text ids; null: the defaults.</param>
    public TextGenerator(GPTModel model, Gpt2Tokenizer? tokenizer = null, TextGeneratorOptions? options = null)
        : this(model, tokenizer, options, ownsModel: false)
    {
    }

    private TextGenerator(GPTModel model, Gpt2Tokenizer? tokenizer, TextGeneratorOptions? options, bool ownsModel)
    {
        ArgumentNullException.ThrowIfNull(model);
        Model = model;
        Tokenizer = tokenizer;
        _options = (options ?? new TextGeneratorOptions()).Validated();
        _ownsModel = ownsModel;
    }

    /// <summary>The model.</summary>
    public GPTModel Model { get; }

    /// <summary>The model's tokenizer; null where there is none.</summary>
    public Gpt2Tokenizer? Tokenizer { get; }

    /// <summary>The cache of the last generation at its fullest; zero without a cache.</summary>
    public CacheUsage LastCacheUsage { get; private set; }

    /// <summary>Loads a checkpoint in HuggingFace's layout, its tokenizer (where the folder has one) and its end-of-text ids.</summary>
    /// <param name="directory">The checkpoint's folder.</param>
    /// <param name="device">Where the model runs; null: the CPU.</param>
    /// <param name="dtype">What its weights are held as; null: float32.</param>
    /// <param name="options">Cache and end-of-text ids; null: the defaults.</param>
    /// <exception cref="TorchKvException">Checkpoint or tokenizer cannot be used; the message says which and why.</exception>
    public static TextGenerator Load(string directory, Device? device = null, ScalarType? dtype = null, TextGeneratorOptions? options = null)
    {
        var config = Gpt2Config.Load(directory);
        var tokenizer = Gpt2Tokenizer.Exists(directory) ? Gpt2Tokenizer.Load(directory) : null;
        options = (options ?? new TextGeneratorOptions()).Validated();
        var model = GPTModel.from_pretrained(directory, device, dtype);
        return new TextGenerator(model, tokenizer, options with { EosTokenIds = options.EosTokenIds ?? config.EosTokenIds }, ownsModel: true);
    }

    /// <summary>Generates from a text.</summary>
    /// <param name="prompt">At least one token, <c>&lt;|endoftext|&gt;</c> for instance.</param>
    /// <param name="options">How; null: the defaults, greedy.</param>
    /// <param name="cancellationToken">Ends the generation within one token.</param>
    /// <returns>Pieces as they are made; the last has the finish reason and the usage.</returns>
    /// <exception cref="TorchKvException">The prompt or an option cannot be served. Thrown by the call itself; nothing has run.</exception>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        GenerateAsync([Encode(prompt)], options, cancellationToken);

    /// <summary>Generates from ids.</summary>
    /// <inheritdoc cref="GenerateAsync(string, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(IReadOnlyList<int> promptIds, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        GenerateAsync([promptIds], options, cancellationToken);

    /// <summary>Generates from several texts as one batch.</summary>
    /// <inheritdoc cref="GenerateAsync(IReadOnlyList{IReadOnlyList{int}}, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(IReadOnlyList<string> prompts, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        return GenerateAsync([.. prompts.Select(Encode)], options, cancellationToken);
    }

    /// <summary>
    /// Generates from several prompts as one batch, whatever their lengths. Each row ends on its own and gets what it would get
    /// alone: the same seed, its own budget, its own end.
    /// </summary>
    /// <param name="prompts">Each prompt's ids, at least one.</param>
    /// <param name="options">How; null: the defaults, greedy.</param>
    /// <param name="cancellationToken">Ends the generation within one token.</param>
    /// <returns>Pieces as they are made, each with its <see cref="GeneratedPiece.Row"/>; a row's last has the finish reason and the usage.</returns>
    /// <exception cref="TorchKvException">A prompt or an option cannot be served. Thrown by the call itself; nothing has run.</exception>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        options = Resolve(options);
        return Stream(CheckPrompts(prompts), options, cancellationToken);
    }

    /// <summary>Disposes the model where <see cref="Load"/> made it.</summary>
    public void Dispose()
    {
        if (_ownsModel)
        {
            Model.Dispose();
        }
    }

    private IReadOnlyList<int> Encode(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        return (Tokenizer ?? throw new TorchKvException("The prompt is text, but there is no tokenizer; give token ids.")).Encode(prompt);
    }

    private GenerationOptions Resolve(GenerationOptions? options)
    {
        options ??= new GenerationOptions();
        options.Validate();
        if (options.Samples != 1 || options.LogProbs is not null || options.PromptLogProbs || options.Beams is not null)
        {
            throw new NotSupportedException("Samples, beams and log-probabilities as generation options are the engine's (TorchKv.Runtime.Engine); here a prompt is given several times, and beams have BeamSearchAsync.");
        }

        if (options.Stop.Count > 0 && Tokenizer is null)
        {
            throw new TorchKvException("Stop texts are compared with text, but there is no tokenizer.");
        }

        return options with { EosTokenIds = options.EosTokenIds ?? _options.EosTokenIds ?? (Tokenizer?.EndOfTextId is { } id ? [id] : []) };
    }

    private List<List<int>> CheckPrompts(IReadOnlyList<IReadOnlyList<int>> prompts)
    {
        ArgumentNullException.ThrowIfNull(prompts);
        if (prompts.Count == 0)
        {
            throw new TorchKvException("There is no prompt.");
        }

        for (var row = 0; row < prompts.Count; row++)
        {
            var prompt = prompts[row];
            if (prompt.Count == 0)
            {
                throw new TorchKvException($"Prompt {row} is empty; it takes one token at least, <|endoftext|> for instance.");
            }

            if (prompt.Count > Model.cfg.context_length)
            {
                throw new ContextLengthException(0, prompt.Count, Model.cfg.context_length);
            }

            foreach (var id in prompt)
            {
                if ((uint)id >= (uint)Model.cfg.vocab_size)
                {
                    throw new TorchKvException($"Prompt {row} has the token id {id}, but the vocabulary's are 0 to {Model.cfg.vocab_size - 1}.");
                }
            }
        }

        return [.. prompts.Select(prompt => new List<int>(prompt))];
    }

    private async IAsyncEnumerable<GeneratedPiece> Stream(List<List<int>> prompts, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // No scope and no tensor here: this method's thread may change at every await.
        var pieces = Channel.CreateBounded<GeneratedPiece>(new BoundedChannelOptions(PiecesAhead * prompts.Count) { SingleReader = true, SingleWriter = true });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var work = OnOwnThread(() =>
        {
            try
            {
                Run(prompts, options, pieces.Writer, stop.Token);
                pieces.Writer.Complete();
            }
            catch (Exception error)
            {
                pieces.Writer.Complete(error);
            }
        });
        try
        {
            while (await pieces.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
            {
                while (pieces.Reader.TryRead(out var piece))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    yield return piece;
                }
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await work.ConfigureAwait(false);
        }
    }

    /// <summary>Runs work that has the model to itself, on a thread of its own: libtorch keeps a team of threads for every thread that calls it.</summary>
    private Task OnOwnThread(Action work)
    {
        if (Interlocked.Exchange(ref _busy, 1) != 0)
        {
            throw new InvalidOperationException("This generator's model is at work on another generation; one model has one cache. Dispose that one's enumerator first, or load a second model.");
        }

        return Task.Factory.StartNew(
            () =>
            {
                try
                {
                    work();
                }
                finally
                {
                    Volatile.Write(ref _busy, 0);
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }

    private void Run(List<List<int>> prompts, GenerationOptions options, ChannelWriter<GeneratedPiece> pieces, CancellationToken cancellationToken)
    {
        LastCacheUsage = default;
        var sampler = new Sampler(Model.cfg.vocab_size);
        var rows = prompts
            .Select((prompt, row) => new RowState(row, prompt, options, sampler, options.Seed ?? Sampler.NewSeed(), Tokenizer, Model.cfg.context_length))
            .ToList();
        var longest = prompts.Max(prompt => prompt.Count);
        SetCache((int)Math.Min(Model.cfg.context_length, (long)longest + options.MaxNewTokens));
        using var batch = new Batch(Model, _options.Cache is not null, prompts);
        try
        {
            var tokens = new int[rows.Count];
            foreach (var row in rows.Where(row => row.FinishReason is not null))
            {
                Write(pieces, row.Last(), cancellationToken);
            }

            Retire(rows, batch);
            while (rows.Count > 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var logits = batch.Step();
                var width = logits.Length / rows.Count;
                for (var row = 0; row < rows.Count; row++)
                {
                    tokens[row] = rows[row].Choose(logits.Slice(row * width, width));
                }

                batch.Append(tokens.AsSpan(0, rows.Count));
                foreach (var (row, token) in rows.Zip(tokens))
                {
                    Write(pieces, row.Take(token), cancellationToken);
                }

                Retire(rows, batch);
            }
        }
        finally
        {
            batch.Measure();
            LastCacheUsage = batch.Usage;
        }
    }

    private void SetCache(int tokens)
    {
        if (_options.Cache is not { } kind)
        {
            return;
        }

        if (kind is KvCacheKind.Static)
        {
            // As much as this generation can need, not the whole context.
            Model.set_kv_cache(() => new StaticKvCache(Model.cfg.context_length, tokens));
        }
        else
        {
            Model.set_kv_cache(kind, _options.WindowSize);
        }
    }

    private static void Retire(List<RowState> rows, Batch batch)
    {
        if (rows.TrueForAll(row => row.FinishReason is null))
        {
            return;
        }

        var kept = new List<int>();
        for (var row = 0; row < rows.Count; row++)
        {
            if (rows[row].FinishReason is null)
            {
                kept.Add(row);
            }
        }

        rows.RemoveAll(row => row.FinishReason is not null);
        batch.Select(kept);
    }

    private static void Write(ChannelWriter<GeneratedPiece> pieces, GeneratedPiece piece, CancellationToken cancellationToken)
    {
        if (!pieces.TryWrite(piece))
        {
            pieces.WriteAsync(piece, cancellationToken).AsTask().GetAwaiter().GetResult();
        }
    }
}
