using System.Globalization;
using System.Runtime.CompilerServices;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;
using TorchKv.Runtime.Speculation;
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

    /// <summary>A request that nothing speaks against.</summary>
    private readonly record struct Checked(int[] Prompt, GenerationOptions Options);

    /// <summary>An engine over a runner, which it owns and disposes.</summary>
    /// <param name="runner">Runs the model; its pool of blocks is the engine's.</param>
    /// <param name="tokenizer">Turns text into ids and back; null: requests are ids, pieces have no text, and stop texts are refused.</param>
    /// <param name="options">How it runs.</param>
    /// <param name="draft">A smaller model of the same vocabulary that guesses ahead where a request asks for it; owned and disposed too.</param>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    /// <exception cref="RequestException">The draft model has another vocabulary.</exception>
    public Engine(IModelRunner runner, Gpt2Tokenizer? tokenizer = null, EngineOptions? options = null, IModelRunner? draft = null)
    {
        ArgumentNullException.ThrowIfNull(runner);
        if (draft is not null && draft.Model.VocabSize != runner.Model.VocabSize)
        {
            throw new RequestException($"The draft model has {draft.Model.VocabSize} token ids, the model {runner.Model.VocabSize}; they must be the same.");
        }

        _runner = runner;
        Tokenizer = tokenizer;
        ModelIdentity = options?.ModelIdentity;
        _loop = new EngineLoop(runner, draft, options ?? new EngineOptions());
    }

    /// <summary>Turns text into ids and back; null where the engine has no vocabulary.</summary>
    public Gpt2Tokenizer? Tokenizer { get; }

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
            return new GeneratorLoad(stats.QueuedRequests, stats.RunningRequests, free, stats.TotalBlocks);
        }
    }

    /// <summary>Where the engine stands, and what it has done so far.</summary>
    public EngineStats Stats => _loop.Stats;

    /// <summary>Generates from a text. The request is submitted when reading begins, and ends when reading does.</summary>
    /// <param name="prompt">The text; an empty one stands for the model's begin-of-text token.</param>
    /// <param name="options">What to generate; null: 64 tokens, greedy.</param>
    /// <param name="cancellationToken">Ends the generation within a step.</param>
    /// <returns>The pieces as they come, of all rows; each row's last one says why it ended and what it cost.</returns>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    /// <exception cref="ContextLengthException">The prompt leaves no room for a token.</exception>
    /// <exception cref="PoolCapacityException">The request could need more blocks than there are.</exception>
    /// <exception cref="QueueFullException">Too many requests wait.</exception>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(string prompt, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => ReadAsync(Check(Encode(prompt), options), cancellationToken);

    /// <summary>Generates from token ids. The request is submitted when reading begins, and ends when reading does.</summary>
    /// <inheritdoc cref="GenerateAsync(string, GenerationOptions?, CancellationToken)"/>
    /// <param name="promptIds">Token ids, at least one; they are copied.</param>
    /// <param name="options">What to generate; null: 64 tokens, greedy.</param>
    /// <param name="cancellationToken">Ends the generation within a step.</param>
    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(IReadOnlyList<int> promptIds, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => ReadAsync(Check(promptIds, options), cancellationToken);

    /// <summary>Submits a request now; it runs whether or not anybody reads it.</summary>
    /// <inheritdoc cref="GenerateAsync(string, GenerationOptions?, CancellationToken)"/>
    public Generation Submit(string prompt, GenerationOptions? options = null) => Submit(Check(Encode(prompt), options));

    /// <summary>Submits a request now; it runs whether or not anybody reads it.</summary>
    /// <inheritdoc cref="GenerateAsync(IReadOnlyList{int}, GenerationOptions?, CancellationToken)"/>
    public Generation Submit(IReadOnlyList<int> promptIds, GenerationOptions? options = null) => Submit(Check(promptIds, options));

    /// <summary>Begins a session: a text that goes on turn by turn and keeps its blocks in between.</summary>
    /// <param name="cacheSalt">The salt under which its blocks are found by others; its turns' own salt does not count.</param>
    public Session StartSession(string? cacheSalt = null) => new(this, new SessionState(cacheSalt));

    /// <summary>Begins a session that already has tokens. Their keys and values are computed with its first turn.</summary>
    /// <param name="tokenIds">The tokens; they are copied.</param>
    /// <param name="cacheSalt">The salt under which its blocks are found by others; its turns' own salt does not count.</param>
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

        CheckIds(tokens);
        return new Session(this, new SessionState(cacheSalt) { Tokens = tokens });
    }

    /// <summary>Takes up a session from a file that <see cref="Session.SaveAsync"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <param name="otherwise">
    /// The session's tokens, where the caller knows them: a file that cannot be used is then passed over (see
    /// <see cref="Session.RestoreFailure"/>), and the next turn computes them. Null: such a file is an error.
    /// </param>
    /// <exception cref="SessionFileException">The file is damaged, of another model, or of another version.</exception>
    /// <exception cref="RequestException">The engine does not know its model's identity.</exception>
    public async Task<Session> RestoreSessionAsync(string path, IReadOnlyList<int>? otherwise = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            var content = await Task.Run(() => SessionFile.Read(path, ModelHash, _runner)).ConfigureAwait(false);
            return new Session(this, await _loop.WriteSessionAsync(content.Salt, content.Tokens, content.Resident, content.Blocks).ConfigureAwait(false));
        }
        catch (SessionFileException e) when (otherwise is not null)
        {
            return new Session(this, new SessionState(null) { Tokens = [.. otherwise] }) { RestoreFailure = e };
        }
    }

    /// <summary>The pool and the block tables as they are between two steps, to be drawn.</summary>
    public Task<EngineSnapshot> SnapshotAsync() => _loop.InvokeAsync(_loop.Snapshot);

    /// <summary>Forgets every cached block that nobody holds, so that what comes next starts cold.</summary>
    public Task DropCachedBlocksAsync() => _loop.InvokeAsync(() =>
    {
        _loop.Pool.DropCached();
        return true;
    });

    /// <summary>Stops after the current step: every request ends with <see cref="EngineClosedException"/>, and the runner is disposed.</summary>
    public async ValueTask DisposeAsync() => await _loop.StopAsync().ConfigureAwait(false);

    /// <summary>For tests: after everything asked for so far, checks the pool's books and says where the engine stands.</summary>
    internal async Task<EngineStats> SettleAsync()
    {
        // A message is taken before cancelled requests are removed, so the second one comes after the first one's removals.
        await _loop.InvokeAsync(() => true).ConfigureAwait(false);
        return await _loop.InvokeAsync(() =>
        {
            _loop.Pool.CheckInvariants();
            _loop.DraftPool?.CheckInvariants();
            var stats = _loop.PublishStats();
            return stats.RunningRequests + stats.QueuedRequests > 0 || _loop.DraftPool is not { HeldCount: > 0 } draft
                ? stats
                : throw new InvalidOperationException($"{draft.HeldCount} blocks of the draft model are held for nobody.");
        }).ConfigureAwait(false);
    }

    internal EngineLoop Loop => _loop;

    internal IModelRunner Runner => _runner;

    internal byte[] ModelHash => ModelIdentity?.Hash
        ?? throw new RequestException("The engine does not know its model's identity; set EngineOptions.ModelIdentity to save and restore sessions.");

    /// <summary>Submits a session's next turn.</summary>
    internal Generation Submit(Session session, IReadOnlyList<int> promptIds, GenerationOptions options)
    {
        if (options.Samples != 1 || options.Beams is not null || options.PromptLogProbs)
        {
            throw new RequestException("A session's turn is one sequence: no samples, beams or prompt log-probabilities.");
        }

        var state = session.State;
        lock (state)
        {
            if (state.IsDisposed || state.IsBusy)
            {
                throw new RequestException(state.IsDisposed ? "The session was disposed." : "The session is in the middle of a turn; read it to its end, or cancel it, first.");
            }

            var what = Check([.. state.Tokens, .. promptIds], options with { CacheSalt = state.Salt });
            state.IsBusy = true;
            try
            {
                return Submit(what, state);
            }
            catch
            {
                state.IsBusy = false;
                throw;
            }
        }
    }

    internal IReadOnlyList<int> Encode(string prompt)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        if (Tokenizer is null)
        {
            throw new RequestException("The engine has no vocabulary; give the prompt as token ids.");
        }

        return prompt.Length == 0 && Model.BosTokenId is { } bos ? [bos] : Tokenizer.Encode(prompt);
    }

    /// <summary>Checks everything about a request that can be checked, before anything is queued.</summary>
    private Checked Check(IReadOnlyList<int> promptIds, GenerationOptions? options)
    {
        ArgumentNullException.ThrowIfNull(promptIds);
        options ??= new GenerationOptions();
        options.Validate();
        var prompt = promptIds.ToArray();
        if (prompt.Length == 0)
        {
            throw new RequestException("The prompt is empty; at least one token is needed.");
        }

        if (prompt.Length + (options.MaxNewTokens > 0 ? 1L : 0) > Model.ContextLength)
        {
            throw new ContextLengthException(prompt.Length, Math.Min(1, options.MaxNewTokens), Model.ContextLength);
        }

        CheckIds(prompt);
        if (options.Speculation is { Source: DraftSource.DraftModel } && _loop.DraftPool is null)
        {
            throw new RequestException("The engine was given no draft model to guess with.");
        }

        if (Tokenizer is null && options.Stop.Count > 0)
        {
            throw new RequestException("The engine has no vocabulary, so it cannot look for stop texts.");
        }

        var branches = options.Beams?.NumBeams ?? options.Samples;
        if (branches > _loop.Scheduling.MaxRunningSequences)
        {
            throw new OptionException(options.Beams is null ? "n" : "num_beams", branches.ToString(CultureInfo.InvariantCulture), $"at most {_loop.Scheduling.MaxRunningSequences}, the sequences that run at once");
        }

        // The last token's keys and values are never stored.
        var stored = Math.Max(prompt.Length, Math.Min((long)prompt.Length + options.MaxNewTokens, Model.ContextLength) - 1);
        var needed = Scheduler.WorstCaseBlocks(prompt.Length, (int)stored, branches, _runner.BlockSize);
        if (needed > _runner.BlockCount)
        {
            throw new PoolCapacityException(needed, _runner.BlockCount, _runner.BlockSize);
        }

        return new Checked(prompt, options);
    }

    private void CheckIds(int[] ids)
    {
        foreach (var id in ids)
        {
            if ((uint)id >= (uint)Model.VocabSize)
            {
                throw new RequestException($"The prompt holds the token id {id}; the vocabulary has ids 0 to {Model.VocabSize - 1}.");
            }
        }
    }

    private Generation Submit(Checked what, SessionState? session = null)
    {
        var request = new GenerationRequest(_loop.Pool, _runner, Tokenizer, what.Prompt, what.Options) { Session = session };
        _loop.Submit(request);
        return new Generation(_loop, request);
    }

    private async IAsyncEnumerable<GeneratedPiece> ReadAsync(Checked what, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var generation = Submit(what);
        try
        {
            await foreach (var piece in generation.WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                yield return piece;
            }
        }
        finally
        {
            // Whoever stops reading has left; what the request holds is given back.
            generation.Cancel();
        }
    }
}
