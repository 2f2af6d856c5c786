using System.Text;
using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Requests;
using TorchKv.Server.Resuming;
using TorchKv.Server.Telemetry;

namespace TorchKv.Server.Answers;

/// <summary>The answer to prompts, in the form of <c>/v1/completions</c>.</summary>
internal sealed class CompletionAnswer : IAnswer
{
    private readonly GenerationPlan _plan;
    private readonly UsageCounter _usage;
    private readonly Choice[] _choices;
    private readonly string[] _echoes;
    private readonly IReadOnlyList<ScoredToken>?[] _promptScores;

    public CompletionAnswer(GenerationPlan plan)
    {
        _plan = plan;
        _usage = new UsageCounter(plan);
        var names = new TokenNames(plan.Model.Tokenizer, plan.NamesTokensByIds);
        _choices = new Choice[plan.Choices];
        for (var i = 0; i < _choices.Length; i++)
        {
            _choices[i] = new Choice { Scores = new CompletionScores(plan.Model.Tokenizer, names, plan.LogProbs > 0) };
        }

        _echoes = [.. plan.Prompts.Select(prompt => plan.Echoes ? plan.Model.Tokenizer.Decode(prompt.Ids) : "")];
        _promptScores = new IReadOnlyList<ScoredToken>?[plan.Prompts.Count];
    }

    private sealed class Choice
    {
        public required CompletionScores Scores { get; init; }

        public bool HasBegun { get; set; }

        public StringBuilder Text { get; } = new();

        public List<int> Ids { get; } = [];

        public string? FinishReason { get; set; }

        public StopReason? StopReason { get; set; }
    }

    public void Take(PromptPiece piece, SseStream? stream)
    {
        _usage.Take(piece);
        var index = (piece.Prompt * _plan.Samples) + piece.Piece.Row;
        var choice = _choices[index];
        var text = piece.Piece.Text;
        var isFirst = !choice.HasBegun;
        if (isFirst)
        {
            choice.HasBegun = true;
            text = _echoes[piece.Prompt] + text;
            Score(piece, choice);
        }

        choice.Scores.AddAll(_plan.LogProbs is null ? [] : piece.Piece.LogProbs);
        choice.FinishReason ??= FinishReasons.Of(piece.Piece.FinishReason);
        choice.StopReason ??= piece.Piece.StopReason;
        if (stream is not null)
        {
            stream.Marks?.Take(index, piece.Piece.TokenIds);
            Send(stream, index, choice, text, piece, isFirst);
            return;
        }

        choice.Text.Append(text);
        choice.Ids.AddRange(piece.Piece.TokenIds);
    }

    public void Finish(SseStream stream)
    {
        if (_plan.IncludesUsage && stream.Marks?.MarkUsage() != false)
        {
            stream.Write(Answer([], new ChunkUsage(_usage.Now)), ServerJson.Answers.Completion);
        }

        stream.Done();
    }

    public void Fail(SseStream stream, ApiException error) => stream.Fail(error);

    public void Describe(GenerationSpan span)
    {
        _usage.Describe(span);
        span.Tag(GenAi.FinishReasons, _choices.Select(choice => choice.FinishReason).ToArray());
    }

    public byte[] WriteWhole()
    {
        var choices = _choices.Select((choice, index) => new CompletionChoice
        {
            Index = index,
            Text = choice.Text.ToString(),
            Logprobs = _plan.LogProbs is null ? null : choice.Scores.Take(),
            FinishReason = choice.FinishReason
                ?? throw new InvalidOperationException("The generator ended without a finish reason."),
            StopReason = StopReasons.Of(choice.StopReason),
            TokenIds = _plan.ReturnsTokenIds ? choice.Ids : null,
            PromptTokenIds = _plan.ReturnsTokenIds ? _plan.Prompts[index / _plan.Samples].Ids : null,
        });
        return JsonSerializer.SerializeToUtf8Bytes(
            Answer([.. choices], new ChunkUsage(_usage.Now)),
            ServerJson.Answers.Completion);
    }

    /// <summary>Gives the prompt's log-probabilities, which come once, to each of its answers.</summary>
    private void Score(PromptPiece piece, Choice choice)
    {
        var options = _plan.Prompts[piece.Prompt].Options;
        if (options.PromptLogProbs)
        {
            _promptScores[piece.Prompt] ??= piece.Piece.PromptLogProbs ?? [];
            choice.Scores.AddPrompt(_plan.Prompts[piece.Prompt].Ids, _promptScores[piece.Prompt]!);
        }
    }

    private void Send(SseStream stream, int index, Choice choice, string text, PromptPiece piece, bool isFirst)
    {
        var reason = FinishReasons.Of(piece.Piece.FinishReason);
        var hasScores = _plan.LogProbs is not null && (piece.Piece.LogProbs.Count > 0 || isFirst);
        if (text.Length == 0 && reason is null && !hasScores && !_plan.ReturnsTokenIds)
        {
            return;
        }

        var chunk = new CompletionChoice
        {
            Index = index,
            Text = text,
            Logprobs = hasScores ? choice.Scores.Take() : null,
            FinishReason = reason,
            StopReason = StopReasons.Of(piece.Piece.StopReason),
            TokenIds = _plan.ReturnsTokenIds ? piece.Piece.TokenIds : null,
            PromptTokenIds = _plan.ReturnsTokenIds && isFirst ? _plan.Prompts[piece.Prompt].Ids : null,
        };
        var usage = _plan.ReportsRunningUsage ? new ChunkUsage(_usage.Now)
            : _plan.IncludesUsage ? ChunkUsage.Null
            : null;
        if (stream.Marks?.Mark(index, reason is null ? ChoicePhase.Text : ChoicePhase.Ended) != false)
        {
            stream.Write(Answer([chunk], usage), ServerJson.Answers.Completion);
        }
    }

    private Completion Answer(IReadOnlyList<CompletionChoice> choices, ChunkUsage? usage)
        => new() { Id = _plan.Id, Created = _plan.Created, Model = _plan.Model.Id, Choices = choices, Usage = usage };
}
