using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Serving.Sessions;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime;

/// <summary>
/// Generates text for any number of requests at once over one pool of KV blocks: continuous batching, prefix caching,
/// preemption by recompute. What a request gets does not depend on the others.
/// </summary>
/// <remarks>
/// Thread-safe: any number of threads submit, read and cancel. One thread of the engine's own runs the steps. A single
/// generation is the engine with one request.
/// </remarks>
public sealed partial class Engine : IGenerator, IAsyncDisposable
{
    private readonly IModelRunner _runner;
    private readonly EngineLoop _loop;
    private readonly RequestRules _rules;

    /// <summary>An engine over a runner, which it owns and disposes.</summary>
    /// <param name="runner">Runs the model; its pool of blocks is the engine's.</param>
    /// <param name="tokenizer">
    /// Turns text into ids and back; null: requests are ids, pieces have no text, and stop texts are refused.
    /// </param>
    /// <param name="options">Its options; null: the defaults.</param>
    /// <param name="draft">
    /// A smaller model of the same vocabulary that drafts for requests that ask for it; owned and disposed too.
    /// </param>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    /// <exception cref="RequestException">The draft model has another vocabulary.</exception>
    public Engine(
        IModelRunner runner,
        Gpt2Tokenizer? tokenizer = null,
        EngineOptions? options = null,
        IModelRunner? draft = null)
        : this(runner, tokenizer, tokenizerProblem: null, options, draft)
    {
    }

    private Engine(
        IModelRunner runner,
        Gpt2Tokenizer? tokenizer,
        string? tokenizerProblem,
        EngineOptions? options,
        IModelRunner? draft)
    {
        ArgumentNullException.ThrowIfNull(runner);
        if (draft is not null && draft.Model.VocabSize != runner.Model.VocabSize)
        {
            throw new RequestException(
                $"The draft model has {draft.Model.VocabSize} token ids, the model {runner.Model.VocabSize}; "
                + "they must be the same.");
        }

        _runner = runner;
        (Tokenizer, TokenizerProblem) = (tokenizer, tokenizerProblem);
        ModelIdentity = options?.ModelIdentity;
        _loop = new EngineLoop(runner, tokenizer, draft, options ?? new EngineOptions());
        _rules = new RequestRules(
            runner.Model,
            runner.BlockSize,
            runner.BlockCount,
            _loop.Scheduling.MaxRunningSequences,
            tokenizer,
            withoutTokenizer: tokenizer is null ? WithoutTokenizer : null,
            hasDraftModel: draft is not null);
    }

    /// <summary>Turns text into ids and back; null where the engine has no tokenizer.</summary>
    public Gpt2Tokenizer? Tokenizer { get; }

    /// <summary>
    /// Why the tokenizer of the model's folder cannot be used; requests are then token ids. Null: it can be used, or
    /// there is none.
    /// </summary>
    public string? TokenizerProblem { get; }

    /// <summary>The model's shape.</summary>
    public ModelShape Model => _runner.Model;

    /// <summary>What session files are checked by; null where the engine does not know its model's.</summary>
    public ModelIdentity? ModelIdentity { get; }

    /// <inheritdoc/>
    public GeneratorLoad Load
    {
        get
        {
            var stats = Stats;
            var free = stats.FreeBlocks + stats.CachedBlocks;
            return new GeneratorLoad(
                stats.QueuedRequests, stats.RunningRequests, free, stats.TotalBlocks, _runner.BlockSize);
        }
    }

    /// <summary>Statistics of the present and since the start.</summary>
    public EngineStats Stats => _loop.Stats;

    /// <summary>
    /// Generates from a text. The request is submitted when reading begins, and ends when reading does.
    /// </summary>
    /// <param name="prompt">The text; an empty one stands for the model's begin-of-text token.</param>
    /// <param name="options">What to generate; null: 64 tokens, greedy.</param>
    /// <param name="cancellationToken">Ends the generation within a step.</param>
    /// <returns>
    /// The pieces as they come, of all samples; a sample's last piece says why it ended and what it cost.
    /// </returns>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    /// <exception cref="ContextLengthException">The prompt leaves no room for a token.</exception>
    /// <exception cref="PoolCapacityException">The request could need more blocks than there are.</exception>
    /// <exception cref="QueueFullException">Too many requests wait.</exception>
    /// <exception cref="ConstraintException">The constraint is wrong, is not supported, or exceeds a limit.</exception>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        string prompt,
        GenerationOptions? options = null,
        CancellationToken cancellationToken = default)
        => GenerateAsync(Encode(prompt, options), options, cancellationToken);

    /// <summary>
    /// Generates from token ids. The request is submitted when reading begins, and ends when reading does.
    /// </summary>
    /// <inheritdoc cref="GenerateAsync(string, GenerationOptions?, CancellationToken)"/>
    /// <param name="promptIds">Token ids, at least one; they are copied.</param>
    /// <param name="options">What to generate; null: 64 tokens, greedy.</param>
    /// <param name="cancellationToken">Ends the generation within a step.</param>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        IReadOnlyList<int> promptIds,
        GenerationOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var prompt = Copy(promptIds);
        return ReadAsync(prompt, _rules.Check(prompt, options), cancellationToken);
    }

    /// <summary>Submits a request now; it runs whether or not it is read.</summary>
    /// <inheritdoc cref="GenerateAsync(string, GenerationOptions?, CancellationToken)"/>
    public Generation Submit(string prompt, GenerationOptions? options = null) =>
        Submit(Encode(prompt, options), options);

    /// <summary>Submits a request now; it runs whether or not it is read.</summary>
    /// <inheritdoc cref="GenerateAsync(IReadOnlyList{int}, GenerationOptions?, CancellationToken)"/>
    public Generation Submit(IReadOnlyList<int> promptIds, GenerationOptions? options = null)
    {
        var prompt = Copy(promptIds);
        return new Generation(_loop, _loop.Submit(prompt, _rules.Check(prompt, options), session: null));
    }

    /// <summary>
    /// Refuses what <see cref="GenerateAsync(IReadOnlyList{int}, GenerationOptions?, CancellationToken)"/> would refuse
    /// whatever else runs, and queues nothing.
    /// </summary>
    /// <remarks>
    /// For callers with several prompts, so that the last one is not refused after the first one was answered.
    /// </remarks>
    /// <param name="promptIds">Token ids.</param>
    /// <param name="options">What to generate; null: 64 tokens, greedy.</param>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    /// <exception cref="RequestException">
    /// The prompt is empty or holds an unknown id, or the engine lacks what an option needs.
    /// </exception>
    /// <exception cref="ContextLengthException">The prompt leaves no room for a token.</exception>
    /// <exception cref="PoolCapacityException">The request could need more blocks than there are.</exception>
    public void Validate(IReadOnlyList<int> promptIds, GenerationOptions? options = null) =>
        _rules.Check(Copy(promptIds), options);

    /// <inheritdoc cref="Validate(IReadOnlyList{int}, GenerationOptions?)"/>
    /// <param name="prompt">The text; an empty one stands for the model's begin-of-text token.</param>
    /// <param name="options">What to generate; null: 64 tokens, greedy.</param>
    public void Validate(string prompt, GenerationOptions? options = null) =>
        Validate(Encode(prompt, options), options);

    /// <summary>Begins a session: a text that is continued turn by turn and keeps its blocks in between.</summary>
    /// <param name="cacheSalt">
    /// The salt of its blocks, under which other requests find them; the salt in a turn's options is ignored.
    /// </param>
    public Session StartSession(string? cacheSalt = null) => new(this, new SessionState(cacheSalt));

    /// <summary>
    /// Begins a session that already has tokens. Their keys and values are computed with its first turn.
    /// </summary>
    /// <param name="tokenIds">The tokens; they are copied.</param>
    /// <param name="cacheSalt">
    /// The salt of its blocks, under which other requests find them; the salt in a turn's options is ignored.
    /// </param>
    /// <exception cref="RequestException">A token id is outside the vocabulary.</exception>
    /// <exception cref="ContextLengthException">There are more tokens than the context holds.</exception>
    public Session StartSession(IReadOnlyList<int> tokenIds, string? cacheSalt = null)
    {
        ArgumentNullException.ThrowIfNull(tokenIds);
        int[] tokens = [.. tokenIds];
        if (tokens.Length > Model.ContextLength)
        {
            throw new ContextLengthException(0, tokens.Length, Model.ContextLength);
        }

        _rules.CheckIds(tokens);
        return new Session(this, new SessionState(cacheSalt) { Tokens = tokens });
    }

    /// <summary>Takes up a session from a file that <see cref="Session.SaveAsync"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <param name="otherwise">
    /// The session's tokens, where the caller knows them: a file that cannot be used is then passed over (see
    /// <see cref="Session.RestoreFailure"/>), and the next turn computes them. Null: such a file is an error.
    /// </param>
    /// <param name="cacheSalt">
    /// The session's salt, used with <paramref name="otherwise"/>, since a file that cannot be used does not tell it.
    /// Empty: none. Null: a salt of the session's own, so that no other request finds its blocks.
    /// </param>
    /// <exception cref="SessionFileException">The file is damaged, of another model, or of another version.</exception>
    /// <exception cref="RequestException">The engine does not know its model's identity.</exception>
    public async Task<Session> RestoreSessionAsync(
        string path,
        IReadOnlyList<int>? otherwise = null,
        string? cacheSalt = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            var content = await Task.Run(() => SessionFile.Read(path, ModelHash, _runner)).ConfigureAwait(false);
            return new Session(
                this, await _loop.InvokeAsync(() => _loop.Parts.Sessions.Write(content)).ConfigureAwait(false));
        }
        catch (SessionFileException e) when (otherwise is not null)
        {
            var state = new SessionState(cacheSalt ?? NewSalt()) { Tokens = [.. otherwise] };
            return new Session(this, state) { RestoreFailure = e };
        }
    }

    /// <summary>The pool and the block tables as they are between two steps, to be drawn.</summary>
    public Task<EngineSnapshot> SnapshotAsync() =>
        _loop.InvokeAsync(() => EngineSnapshot.Of(_loop.Parts.Scheduler, _loop.Parts.Blocks));

    /// <summary>
    /// Forgets every cached block that no request or session uses, so that the next request finds no prefix.
    /// </summary>
    public Task DropCachedBlocksAsync() => _loop.InvokeAsync(_loop.Parts.Blocks.Pool.DropCached);

    /// <summary>
    /// Stops after the current step: every request ends with <see cref="EngineClosedException"/>, and the runner is
    /// disposed.
    /// </summary>
    public async ValueTask DisposeAsync() => await _loop.StopAsync().ConfigureAwait(false);

    internal EngineLoop Loop => _loop;

    internal IModelRunner Runner => _runner;

    internal byte[] ModelHash => ModelIdentity?.Hash
        ?? throw new RequestException(
            "The engine does not know its model's identity; "
            + "set EngineOptions.ModelIdentity to save and restore sessions.");

    /// <summary>Submits a session's next turn.</summary>
    internal Generation Submit(Session session, IReadOnlyList<int> promptIds, GenerationOptions options)
    {
        if (options.Samples != 1 || options.Beams is not null || options.PromptLogProbs)
        {
            throw new RequestException(
                "A session's turn is one sequence: no samples, beams or prompt log-probabilities.");
        }

        if (options.GeneratedBefore > promptIds.Count)
        {
            throw new OptionException(
                "generated_before",
                options.GeneratedBefore.ToString(CultureInfo.InvariantCulture),
                $"at most the number of the turn's tokens, {promptIds.Count}");
        }

        var state = session.State;
        lock (state)
        {
            state.ThrowIfBusy();
            int[] prompt = [.. state.Tokens, .. promptIds];
            var own = _rules.Check(prompt, options with { CacheSalt = state.Salt });
            var request = _loop.Submit(prompt, own, state);

            // The turn cannot have ended yet: to end it, the engine's thread needs the lock.
            state.IsBusy = true;
            return new Generation(_loop, request);
        }
    }

    /// <summary>The ids of a prompt that is a text.</summary>
    internal IReadOnlyList<int> Encode(string prompt, GenerationOptions? options)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        if (options is { GeneratedBefore: not 0 })
        {
            throw new OptionException(
                "generated_before",
                options.GeneratedBefore.ToString(CultureInfo.InvariantCulture),
                "0 where the prompt is a text: its ids may be others than those generated");
        }

        if (Tokenizer is null)
        {
            throw new RequestException($"{WithoutTokenizer}; give the prompt as token ids.");
        }

        return prompt.Length == 0 && Model.BosTokenId is { } bos ? [bos] : Tokenizer.Encode(prompt);
    }

    /// <summary>Why the engine has no tokenizer: the beginning of a sentence.</summary>
    private string WithoutTokenizer => TokenizerProblem is { } problem
        ? $"The model's tokenizer cannot be used ({problem.TrimEnd('.')})"
        : "The engine has no vocabulary";

    /// <summary>A salt that no other request has.</summary>
    private static string NewSalt() => Convert.ToHexString(RandomNumberGenerator.GetBytes(16));

    private static int[] Copy(IReadOnlyList<int> promptIds)
    {
        ArgumentNullException.ThrowIfNull(promptIds);
        return [.. promptIds];
    }

    private async IAsyncEnumerable<GeneratedPiece> ReadAsync(
        int[] prompt, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var generation = new Generation(_loop, _loop.Submit(prompt, options, session: null));
        try
        {
            await foreach (var piece in generation.WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                yield return piece;
            }
        }
        finally
        {
            // A reader that abandons the enumerator cancels the request.
            generation.Cancel();
        }
    }
}
