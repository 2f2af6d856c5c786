using System.Threading.Channels;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Serving;

/// <summary>A request with what becomes of its tokens: how they are chosen, their text, and the stream that its reader reads.</summary>
/// <remarks>Made by the submitter, then touched by the engine's thread alone, except for <see cref="Output"/> and <see cref="IsCancelled"/>.</remarks>
internal sealed class GenerationRequest : ScheduledRequest
{
    private readonly IReadOnlyList<int> _eos;
    private readonly Gpt2Tokenizer? _tokenizer;
    private volatile bool _isCancelled;

    public GenerationRequest(BlockPool pool, IModelRunner runner, Gpt2Tokenizer? tokenizer, ReadOnlySpan<int> prompt, GenerationOptions options)
        : base(pool, runner.BlockSize, prompt, options.CacheSalt)
    {
        _tokenizer = tokenizer;
        _eos = options.EosTokenIds ?? runner.Model.EosTokenIds;
        Options = options;
        Priority = options.Priority;
        BranchCount = options.Beams?.NumBeams ?? options.Samples;
        Lockstep = options.Beams is not null;
        ScoresPrompt = options.PromptLogProbs;
        MaxTotalTokens = (int)Math.Min((long)prompt.Length + options.MaxNewTokens, runner.Model.ContextLength);
        if (options.Beams is { } beams)
        {
            Beams = new BeamSearch(prompt, runner.Model.VocabSize, beams, _eos, MaxTotalTokens - prompt.Length, options);
        }

        var seed = options.Seed ?? Sampler.NewSeed();
        for (var row = 0; row < options.Samples; row++)
        {
            Rows.Add(new RowOutput(row, Sampler.SeedOf(seed, row), tokenizer, options));
        }
    }

    public GenerationOptions Options { get; }

    /// <summary>The session that this request is a turn of.</summary>
    public SessionState? Session { get; init; }

    public bool IsSessionAttached { get; set; }

    /// <summary>The search over beams; null where tokens are chosen one by one.</summary>
    public BeamSearch? Beams { get; }

    /// <summary>Beams whose logits the step has given so far.</summary>
    public int BeamRows { get; set; }

    /// <summary>Prompt and generated tokens at most.</summary>
    public int MaxTotalTokens { get; }

    public List<RowOutput> Rows { get; } = [];

    // Unbounded, yet bounded by the context: a reader may fall behind by its request's tokens, never more, and nobody waits for it.
    public Channel<GeneratedPiece> Output { get; } = Channel.CreateUnbounded<GeneratedPiece>(new UnboundedChannelOptions { SingleWriter = true });

    /// <summary>Done when the request has ended, read or not.</summary>
    public TaskCompletionSource Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Timestamps by the engine's time provider; 0 before.</summary>
    public long SubmittedAt { get; set; }

    public long DeadlineAt { get; set; } = long.MaxValue;

    public bool IsCancelled => _isCancelled;

    public int GeneratedTokens { get; private set; }

    public List<ScoredToken>? PromptScores { get; set; }

    public void Cancel() => _isCancelled = true;

    public bool IsEnd(int token)
    {
        foreach (var id in _eos)
        {
            if (id == token)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Gives a token that was chosen for a row to the reader.</summary>
    /// <param name="row">The row.</param>
    /// <param name="token">The token; the sequence has it already, unless it ends the text.</param>
    /// <param name="length">Tokens of the sequence by now.</param>
    /// <param name="scores">Its log-probabilities, where they were asked for.</param>
    /// <returns>Why the row ends with it; null where it goes on.</returns>
    public FinishReason? Deliver(RowOutput row, int token, int length, ScoredToken? scores)
    {
        if (IsEnd(token))
        {
            Finish(row, FinishReason.Stop, "", [], null);
            return FinishReason.Stop;
        }

        row.Count++;
        GeneratedTokens++;
        var text = row.Detokenizer?.Append(token) ?? "";
        FinishReason? reason = row.Detokenizer?.IsStopped == true ? FinishReason.Stop
            : length >= MaxTotalTokens ? FinishReason.Length
            : null;
        if (reason is { } ended)
        {
            Finish(row, ended, text, [token], scores);
        }
        else
        {
            Write(new GeneratedPiece { Row = row.Index, Text = text, TokenIds = [token], LogProbs = scores is null ? [] : [scores] });
        }

        return reason;
    }

    /// <summary>Gives the sequences that a beam search found.</summary>
    public void DeliverBeams()
    {
        var found = Beams!.Finish();
        for (var row = 0; row < found.Count; row++)
        {
            var text = new RowOutput(row, 0, _tokenizer, Options).Detokenizer;
            GeneratedTokens += found[row].TokenIds.Count;
            Write(new GeneratedPiece
            {
                Row = row,
                Text = text is null ? "" : string.Concat(found[row].TokenIds.Select(text.Append)) + text.Finish(),
                TokenIds = found[row].TokenIds,
                Score = found[row].Score,
                FinishReason = found[row].FinishReason,
                Usage = new Usage(PromptLength, found[row].TokenIds.Count, Math.Max(0, CachedTokens)),
            });
        }
    }

    /// <summary>Ends the stream: with nothing, or with the error that its reader gets after what was generated.</summary>
    public void End(Exception? error)
    {
        Output.Writer.TryComplete(error);
        switch (error)
        {
            case null:
                Completion.TrySetResult();
                break;
            case OperationCanceledException:
                Completion.TrySetCanceled();
                break;
            default:
                Completion.TrySetException(error);

                // Whoever reads the stream gets the error there; nobody has to look at the task.
                _ = Completion.Task.Exception;
                break;
        }
    }

    /// <summary>Ends a row that generates nothing.</summary>
    public void FinishEmpty(RowOutput row) => Finish(row, FinishReason.Length, "", [], null);

    private void Finish(RowOutput row, FinishReason reason, string text, IReadOnlyList<int> ids, ScoredToken? scores) => Write(new GeneratedPiece
    {
        Row = row.Index,
        Text = text + row.Detokenizer?.Finish(),
        TokenIds = ids,
        LogProbs = scores is null ? [] : [scores],
        FinishReason = reason,
        Usage = new Usage(PromptLength, row.Count, Math.Max(0, CachedTokens)),
    });

    private void Write(GeneratedPiece piece)
    {
        if (PromptScores is { } scores && piece.Row == 0)
        {
            piece = piece with { PromptLogProbs = scores };
            PromptScores = null;
        }

        Output.Writer.TryWrite(piece);
    }
}
