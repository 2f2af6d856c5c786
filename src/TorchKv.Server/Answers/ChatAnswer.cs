using System.Text;
using System.Text.Json;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Requests;
using TorchKv.Server.Resuming;
using TorchKv.Server.Telemetry;

namespace TorchKv.Server.Answers;

/// <summary>The answer to a chat, in the form of <c>/v1/chat/completions</c>.</summary>
internal sealed class ChatAnswer : IAnswer
{
    private readonly GenerationPlan _plan;
    private readonly UsageCounter _usage;
    private readonly TokenNames _names;
    private readonly Choice[] _choices;

    public ChatAnswer(GenerationPlan plan)
    {
        _plan = plan;
        _usage = new UsageCounter(plan);
        _names = new TokenNames(plan.Model.Tokenizer, plan.NamesTokensByIds);
        _choices = new Choice[plan.Choices];
        for (var i = 0; i < _choices.Length; i++)
        {
            _choices[i] = new Choice { Start = new AnswerStart(plan.TrimsAnswerStart) };
        }
    }

    private sealed class Choice
    {
        public required AnswerStart Start { get; init; }

        public bool HasBegun { get; set; }

        public StringBuilder Text { get; } = new();

        public List<TokenLogprob> Scores { get; } = [];

        public List<int> Ids { get; } = [];

        public string? FinishReason { get; set; }

        public StopReason? StopReason { get; set; }
    }

    public void Take(PromptPiece piece, SseStream? stream)
    {
        _usage.Take(piece);
        var index = (piece.Prompt * _plan.Samples) + piece.Piece.Row;
        var choice = _choices[index];
        var text = choice.Start.Take(piece.Piece.Text);
        if (stream is not null)
        {
            stream.Marks?.Take(index, piece.Piece.TokenIds);
            Send(stream, index, choice, text, piece.Piece);
            return;
        }

        choice.Text.Append(text);
        choice.Ids.AddRange(piece.Piece.TokenIds);
        choice.Scores.AddRange(ChatScores.Of(piece.Piece.LogProbs, _names));
        choice.FinishReason ??= FinishReasons.Of(piece.Piece.FinishReason);
        choice.StopReason ??= piece.Piece.StopReason;
    }

    public void Finish(SseStream stream)
    {
        if (_plan.IncludesUsage && stream.Marks?.MarkUsage() != false)
        {
            stream.Write(Chunk([], new ChunkUsage(_usage.Now)), ServerJson.Answers.ChatChunk);
        }

        stream.Done();
    }

    public void Fail(SseStream stream, ApiException error) => stream.Fail(error);

    public void Describe(GenerationSpan span)
    {
        _usage.Describe(span);
        span.Tag(GenAi.FinishReasons, _choices.Select(choice => choice.FinishReason).ToArray());
    }

    public byte[] WriteWhole() => JsonSerializer.SerializeToUtf8Bytes(
        new ChatCompletion
        {
            Id = _plan.Id,
            Created = _plan.Created,
            Model = _plan.Model.Id,
            Usage = _usage.Now,
            PromptTokenIds = _plan.ReturnsTokenIds ? _plan.Prompts[0].Ids : null,
            Choices = [.. _choices.Select(Whole)],
        },
        ServerJson.Answers.ChatCompletion);

    private ChatChoice Whole(Choice choice, int index) => new()
    {
        Index = index,
        Message = new ChatAnswerMessage { Content = choice.Text.ToString() },
        Logprobs = _plan.LogProbs is null ? null : new ChatLogprobs { Content = choice.Scores },
        FinishReason = choice.FinishReason
            ?? throw new InvalidOperationException("The generator ended without a finish reason."),
        StopReason = StopReasons.Of(choice.StopReason),
        TokenIds = _plan.ReturnsTokenIds ? choice.Ids : null,
    };

    private void Send(SseStream stream, int index, Choice choice, string text, GeneratedPiece piece)
    {
        if (!choice.HasBegun)
        {
            choice.HasBegun = true;
            Send(stream, index, ChoicePhase.Begun, new ChatDelta { Role = "assistant", Content = "" }, null);
        }

        var hasScores = _plan.LogProbs is not null && piece.LogProbs.Count > 0;
        if (text.Length > 0 || hasScores || (_plan.ReturnsTokenIds && piece.TokenIds.Count > 0))
        {
            var phase = piece.FinishReason is null ? ChoicePhase.Text : ChoicePhase.LastText;
            Send(stream, index, phase, new ChatDelta { Content = text }, piece);
        }

        if (FinishReasons.Of(piece.FinishReason) is { } reason)
        {
            choice.FinishReason = reason;
            if (stream.Marks?.Mark(index, ChoicePhase.Ended) == false)
            {
                return;
            }

            var last = new ChatChunkChoice
            {
                Index = index,
                Delta = new ChatDelta(),
                FinishReason = reason,
                StopReason = StopReasons.Of(piece.StopReason),
            };
            stream.Write(Chunk([last], Running()), ServerJson.Answers.ChatChunk);
        }
    }

    private void Send(SseStream stream, int index, ChoicePhase phase, ChatDelta delta, GeneratedPiece? piece)
    {
        if (stream.Marks?.Mark(index, phase) == false)
        {
            return;
        }

        var choice = new ChatChunkChoice
        {
            Index = index,
            Delta = delta,
            Logprobs = _plan.LogProbs is null || piece is null ? null : new ChatLogprobs
            {
                Content = [.. ChatScores.Of(
                piece.LogProbs,
                _names)]
            },
            TokenIds = _plan.ReturnsTokenIds ? piece?.TokenIds : null,
        };
        stream.Write(Chunk([choice], Running()), ServerJson.Answers.ChatChunk);
    }

    private ChunkUsage? Running()
        => _plan.ReportsRunningUsage ? new ChunkUsage(_usage.Now) : _plan.IncludesUsage ? ChunkUsage.Null : null;

    private ChatChunk Chunk(IReadOnlyList<ChatChunkChoice> choices, ChunkUsage? usage)
        => new() { Id = _plan.Id, Created = _plan.Created, Model = _plan.Model.Id, Choices = choices, Usage = usage };
}
