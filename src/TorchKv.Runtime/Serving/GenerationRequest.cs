using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Contracts.Live;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving.Sessions;

namespace TorchKv.Runtime.Serving;

/// <summary>A request to generate: its options, its way of decoding, and the stream that its reader reads.</summary>
/// <remarks>
/// The submitter's thread makes it. From its submission on, only the engine's thread uses it, <see cref="Stream"/>
/// apart.
/// </remarks>
internal sealed class GenerationRequest : IRequestOutput
{
    private readonly EngineParts _engine;
    private readonly int[] _eos;
    private readonly int[] _stopIds;
    private readonly CancellationTokenSource? _preparation;
    private volatile bool _isCancelled;
    private IReadOnlyList<ScoredToken>? _promptScores;

    /// <param name="prompt">The prompt's tokens, then those generated before; never written.</param>
    /// <param name="options">What to generate; validated, and not shared with the caller.</param>
    /// <param name="session">The session that the request is a turn of; null: none.</param>
    /// <param name="engine">The engine that the request is for.</param>
    public GenerationRequest(int[] prompt, GenerationOptions options, SessionState? session, EngineParts engine)
    {
        _engine = engine;
        _eos = [.. options.EosTokenIds ?? engine.Model.EosTokenIds];
        _stopIds = [.. options.StopTokenIds];
        Rules = new TokenRules(options, engine.Model.VocabSize, _eos);
        Options = options;
        Session = session;
        _preparation = options.Constraint is null ? null : new CancellationTokenSource();
        Seed = options.Seed ?? Sampler.NewSeed();
        Request = new Request(prompt, this, options.CacheSalt)
        {
            GeneratedBefore = options.GeneratedBefore,
            Priority = options.Priority,
            SequencesWanted = options.Beams?.NumBeams ?? options.Samples,
            Lockstep = options.Beams is not null,
            ScoresPrompt = options.PromptLogProbs,
        };
        MaxTotalTokens = (int)Math.Min(
            (long)Request.PromptLength + options.MaxNewTokens, engine.Model.ContextLength);
        GeneratedTokens = options.GeneratedBefore;
        Decoding = options.Beams is { } beams
            ? new BeamDecoding(this, engine, beams)
            : new SamplingDecoding(this, engine);
        if (options.PromptLogProbs)
        {
            Decoding = new PromptScoring(this, engine, Decoding);
        }
    }

    public GenerationOptions Options { get; }

    /// <summary>The options, made ready for rows of logits.</summary>
    public TokenRules Rules { get; }

    /// <summary>The session that this request is a turn of.</summary>
    public SessionState? Session { get; }

    /// <summary>The tokens that the session continues from after this turn; null: all of the turn's.</summary>
    public int[]? SessionTokens { get; set; }

    /// <summary>What the scheduler knows of it.</summary>
    public Request Request { get; }

    /// <summary>Makes tokens of logits.</summary>
    public IDecoding Decoding { get; }

    /// <summary>The pieces, for the reader.</summary>
    public PieceStream Stream { get; } = new();

    /// <summary>Ids that end the text.</summary>
    public IReadOnlyList<int> EosTokenIds => _eos;

    public ulong Seed { get; }

    /// <summary>Prompt and generated tokens at most.</summary>
    public int MaxTotalTokens { get; }

    /// <summary>When it was submitted, as a timestamp.</summary>
    public long SubmittedAt { get; private set; }

    /// <summary>When its constraint was compiled, as a timestamp; null: not yet, or it has none.</summary>
    public long? PreparedAt { get; private set; }

    /// <summary>When it ends at the latest, as a timestamp.</summary>
    public long DeadlineAt { get; private set; } = long.MaxValue;

    /// <summary>Tokens that the reader was given, over all samples, those generated before included.</summary>
    public int GeneratedTokens { get; set; }

    /// <summary>The tokens that an earlier request generated before it was cut off.</summary>
    public ReadOnlySpan<int> TokensBefore => Request.Prompt.AsSpan(Request.PromptLength);

    /// <summary>Each sample's constraint, or the one that all beams begin with; null where there is none.</summary>
    public SequenceConstraint[]? Constraints { get; private set; }

    /// <summary>Whether its caller has cancelled it. Any thread may read it.</summary>
    public bool IsCancelled => _isCancelled;

    /// <summary>Signalled when its caller cancels it while its constraint is being prepared.</summary>
    public CancellationToken PreparationToken => _preparation?.Token ?? CancellationToken.None;

    /// <summary>Marks it as cancelled, and ends the preparation of its constraint. Any thread may call it.</summary>
    public void MarkCancelled()
    {
        _isCancelled = true;
        _preparation?.Cancel();
    }

    /// <summary>Gives it the matcher of its constraint, before it is queued.</summary>
    /// <exception cref="ConstraintException">The constraint does not allow the tokens generated before.</exception>
    public void Constrain(ITokenMatcher matcher)
    {
        var first = new SequenceConstraint(
            matcher,
            _engine.Tokenizer!.VocabSize,
            _engine.Model.VocabSize,
            Rules.EndIds,
            Rules.Allowed,
            TokensBefore);
        var constraints = new SequenceConstraint[Options.Samples];
        constraints[0] = first;
        for (var i = 1; i < constraints.Length; i++)
        {
            constraints[i] = first.Fork();
        }

        Constraints = constraints;
        PreparedAt = _engine.Time.GetTimestamp();
    }

    /// <summary>Begins its time: it is submitted now.</summary>
    public void BeginTime(TimeProvider time)
    {
        SubmittedAt = time.GetTimestamp();
        if (Options.Deadline is { } deadline)
        {
            var ticks = deadline.TotalSeconds * time.TimestampFrequency;
            DeadlineAt = ticks < long.MaxValue / 2 ? SubmittedAt + (long)ticks : long.MaxValue;
        }
    }

    /// <summary>Shows whoever watches the engine that the request's constraint is compiled.</summary>
    public void ShowPreparation() => _engine.Recorder?.BeginPreparation(Request, SubmittedAt);

    /// <summary>Shows the beginning of the request to whoever watches the engine.</summary>
    public void ShowBegin() => _engine.Recorder?.Begin(Request, SubmittedAt, PreparedAt);

    /// <summary>Shows the request's end to whoever watches the engine.</summary>
    /// <param name="error">What ended it; null: it has its answer.</param>
    public void ShowEnd(Exception? error) => _engine.Recorder?.End(Request, error switch
    {
        null => LivePhase.Done,
        OperationCanceledException => LivePhase.Cancelled,
        _ => LivePhase.Failed,
    });

    /// <summary>Whether a token ends the text and is no part of it.</summary>
    public bool IsEnd(int token) => IsEndOfText(token) || (!Options.IncludeStopText && IsStop(token));

    /// <summary>The stop that a token is; null where it is none, or an end-of-text id.</summary>
    public StopReason? StopOf(int token) =>
        IsStop(token) && !IsEndOfText(token) ? new StopReason(null, token) : null;

    /// <summary>From submission until it was first admitted; null before that.</summary>
    public TimeSpan? QueueTime =>
        Request.AdmittedAt is { } admitted ? _engine.Time.GetElapsedTime(SubmittedAt, admitted) : null;

    /// <summary>The usage of one of its samples or beams.</summary>
    /// <param name="generatedTokens">The tokens of its text.</param>
    /// <param name="hasEndToken">Whether a token that is no part of the text ended it.</param>
    public Usage UsageOf(int generatedTokens, bool hasEndToken) =>
        new(Request.PromptLength, generatedTokens, Math.Max(0, Request.CachedTokens), hasEndToken ? 1 : 0);

    private bool IsEndOfText(int token) => _eos.AsSpan().Contains(token);

    private bool IsStop(int token) => _stopIds.AsSpan().Contains(token);

    /// <summary>Hands the prompt's log-probabilities to the first piece of row 0 that comes from now on.</summary>
    public void GivePromptScores(IReadOnlyList<ScoredToken> scores) => _promptScores = scores;

    /// <summary>Gives the reader a piece.</summary>
    public void Write(GeneratedPiece piece)
    {
        if (_promptScores is not null && piece.Row == 0)
        {
            piece = piece with { PromptLogProbs = _promptScores };
            _promptScores = null;
        }

        Stream.Write(piece);
    }

    /// <inheritdoc/>
    public void Use(in PlannedRow row, Span<float> logits, long now)
    {
        try
        {
            Decoding.Decode(row, logits, now);
        }
        catch (Exception e)
        {
            Fail(e);
        }
    }

    /// <inheritdoc/>
    public void Fail(Exception cause) => _engine.Lifetimes.EndRequest(
        this,
        cause is RequestFailedException or ConstraintException
            ? cause
            : new RequestFailedException("The request's computation failed: " + cause.Message, cause));
}
