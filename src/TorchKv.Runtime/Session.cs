using System.Runtime.CompilerServices;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Files;
using TorchKv.Runtime.Serving.Sessions;

namespace TorchKv.Runtime;

/// <summary>
/// A text that is continued turn by turn and keeps its blocks between turns, so that a turn costs its new tokens only.
/// It continues from every token of the turns so far. An end-of-text id that ended a turn is not part of it; the tokens
/// of a stop text are, unless <see cref="GenerationOptions.SessionKeepsStopText"/> is off.
/// </summary>
/// <remarks>
/// Thread-safe; one turn at a time. Where the pool runs short, idle sessions give their blocks back, the one used
/// longest ago first: the next turn then computes the tokens that the prefix cache does not have, with the same result.
/// </remarks>
public sealed class Session : IAsyncDisposable
{
    private readonly Engine _engine;
    private readonly SessionState _state;

    internal Session(Engine engine, SessionState state)
    {
        _engine = engine;
        _state = state;
    }

    internal SessionState State => _state;

    /// <summary>Every token so far, prompts and answers.</summary>
    public IReadOnlyList<int> TokenIds
    {
        get
        {
            lock (_state)
            {
                return _state.Tokens;
            }
        }
    }

    /// <summary>How many of the tokens have their keys and values in blocks that the session holds.</summary>
    public int ResidentTokens
    {
        get
        {
            lock (_state)
            {
                return _state.ResidentTokens;
            }
        }
    }

    /// <summary>
    /// Why a file was not used, where the session was restored from other tokens instead; they are computed with the
    /// next turn.
    /// </summary>
    public SessionFileException? RestoreFailure { get; internal init; }

    /// <summary>Appends a text and generates what comes after it.</summary>
    /// <inheritdoc cref="Engine.GenerateAsync(string, GenerationOptions?, CancellationToken)"/>
    /// <remarks>
    /// A turn that is cancelled keeps what it generated; one that fails leaves the session as it was.
    /// </remarks>
    public IAsyncEnumerable<GeneratedPiece> ContinueAsync(
        string text,
        GenerationOptions? options = null,
        CancellationToken cancellationToken = default)
        => ContinueAsync(
            text is { Length: 0 } && TokenIds.Count > 0 ? [] : _engine.Encode(text, options),
            options,
            cancellationToken);

    /// <summary>Appends tokens and generates what comes after them.</summary>
    /// <inheritdoc cref="Engine.GenerateAsync(IReadOnlyList{int}, GenerationOptions?, CancellationToken)"/>
    /// <remarks>
    /// A turn that is cancelled keeps what it generated; one that fails leaves the session as it was.
    /// </remarks>
    public IAsyncEnumerable<GeneratedPiece> ContinueAsync(
        IReadOnlyList<int> promptIds,
        GenerationOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(promptIds);

        // The caller may change its lists before it begins to read
        return ReadTurnAsync([.. promptIds], (options ?? new GenerationOptions()).WithOwnLists(), cancellationToken);
    }

    private async IAsyncEnumerable<GeneratedPiece> ReadTurnAsync(
        int[] promptIds, GenerationOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var generation = _engine.Submit(this, promptIds, options);
        try
        {
            await foreach (var piece in generation.WithCancellation(cancellationToken).ConfigureAwait(false))
            {
                yield return piece;
            }
        }
        finally
        {
            // The turn is over when reading is: what the session holds then is settled.
            generation.Cancel();
            await generation.Completion.ContinueWith(
                static _ => { },
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default).ConfigureAwait(false);
        }
    }

    /// <summary>A second session that continues from here; the two share their blocks until one writes.</summary>
    public async Task<Session> ForkAsync() =>
        new(_engine, await OnEngineAsync(sessions => sessions.Fork(_state)).ConfigureAwait(false));

    /// <summary>Drops every token after the first ones.</summary>
    /// <param name="tokens">How many stay.</param>
    /// <exception cref="RequestException">The session has fewer, or is in the middle of a turn.</exception>
    public Task RewindAsync(int tokens) =>
        _engine.Loop.InvokeAsync(() => _engine.Loop.Parts.Sessions.Rewind(_state, tokens));

    /// <summary>
    /// Writes tokens, keys and values to a file that <see cref="Engine.RestoreSessionAsync"/> reads in another process.
    /// </summary>
    /// <param name="path">The file; replaced as a whole or not at all.</param>
    /// <exception cref="RequestException">
    /// The session is in the middle of a turn, the engine does not know its model's identity, or the salt is longer
    /// than a file holds.
    /// </exception>
    /// <exception cref="OutputFileException">The file cannot be written.</exception>
    public async Task SaveAsync(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        AtomicFile.Check(path);
        var hash = _engine.ModelHash;
        var content = await OnEngineAsync(sessions => sessions.Read(_state)).ConfigureAwait(false);
        await Task.Run(() => SessionFile.Write(path, hash, _engine.Runner, content)).ConfigureAwait(false);
    }

    /// <summary>Gives the session's blocks back.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_state)
        {
            _state.IsDisposed = true;
        }

        try
        {
            await _engine.Loop.InvokeAsync(() => _engine.Loop.Parts.Sessions.Release(_state)).ConfigureAwait(false);
        }
        catch (EngineClosedException)
        {
            // The engine has given everything back already.
        }
    }

    private Task<T> OnEngineAsync<T>(Func<SessionStore, T> function) =>
        _engine.Loop.InvokeAsync(() => function(_engine.Loop.Parts.Sessions));
}
