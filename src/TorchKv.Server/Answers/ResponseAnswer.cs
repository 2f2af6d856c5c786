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

/// <summary>The answer to a chat, in the form of <c>/v1/responses</c>.</summary>
internal sealed class ResponseAnswer(GenerationPlan plan, ResponseRequest request) : IAnswer
{
    private static readonly ResponseIncomplete OutOfTokens = new() { Reason = "max_output_tokens" };
    private readonly UsageCounter _usage = new(plan);
    private readonly AnswerStart _start = new(plan.TrimsAnswerStart);
    private readonly StringBuilder _text = new();
    private readonly string _itemId = "msg_" + plan.Id["resp_".Length..];
    private FinishReason? _reason;
    private bool _hasBegun;
    private int _sequence;

    public void Take(PromptPiece piece, SseStream? stream)
    {
        _usage.Take(piece);
        var text = _start.Take(piece.Piece.Text);
        _text.Append(text);
        _reason ??= piece.Piece.FinishReason;
        if (stream is null)
        {
            return;
        }

        Begin(stream);
        stream.Marks?.Take(0, piece.Piece.TokenIds);
        if (text.Length > 0)
        {
            Send(
                stream,
                piece.Piece.FinishReason is null ? ChoicePhase.Text : ChoicePhase.LastText,
                PartEvent("response.output_text.delta") with { Delta = text, Logprobs = [] });
        }
    }

    public void Finish(SseStream stream)
    {
        Begin(stream);
        var whole = Whole();
        var item = whole.Output[0];
        var end = _reason == FinishReason.Length ? "response.incomplete" : "response.completed";
        var text = PartEvent("response.output_text.done") with { Text = _text.ToString(), Logprobs = [] };
        Send(stream, ChoicePhase.Ended, text);
        Send(stream, ChoicePhase.Ended, PartEvent("response.content_part.done") with { Part = item.Content[0] });
        Send(stream, ChoicePhase.Ended, Event("response.output_item.done") with { OutputIndex = 0, Item = item });
        Send(stream, ChoicePhase.Ended, Event(end) with { Response = whole });
    }

    public void Fail(SseStream stream, ApiException error)
    {
        var failure = new ResponseFailure { Code = error.Code ?? "server_error", Message = error.Message };
        stream.Write(
            Event("response.failed") with { Response = Base("failed") with { Error = failure } },
            ServerJson.Answers.ResponseEvent,
            "response.failed");
        stream.Write(ErrorAnswer.Of(error), ServerJson.Answers.ErrorResponse, "error");
    }

    public void Describe(GenerationSpan span)
    {
        _usage.Describe(span);
        span.Tag(GenAi.FinishReasons, new[] { FinishReasons.Of(_reason) });
    }

    public byte[] WriteWhole() => JsonSerializer.SerializeToUtf8Bytes(Whole(), ServerJson.Answers.ResponseObject);

    private void Begin(SseStream stream)
    {
        if (_hasBegun)
        {
            return;
        }

        _hasBegun = true;
        var response = Base("in_progress");
        var item = new ResponseOutputMessage { Id = _itemId, Status = "in_progress", Content = [] };
        Send(stream, ChoicePhase.Begun, Event("response.created") with { Response = response });
        Send(stream, ChoicePhase.Begun, Event("response.in_progress") with { Response = response });
        Send(stream, ChoicePhase.Begun, Event("response.output_item.added") with { OutputIndex = 0, Item = item });
        var part = PartEvent("response.content_part.added") with { Part = new ResponseOutputText { Text = "" } };
        Send(stream, ChoicePhase.Begun, part);
    }

    /// <summary>An event of the answer's one part.</summary>
    private ResponseEvent PartEvent(string type)
        => Event(type) with { ItemId = _itemId, OutputIndex = 0, ContentIndex = 0 };

    private ResponseEvent Event(string type) => new() { Type = type, SequenceNumber = _sequence++ };

    private static void Send(SseStream stream, ChoicePhase phase, ResponseEvent e)
    {
        if (stream.Marks?.Mark(0, phase, e.SequenceNumber) != false)
        {
            stream.Write(e, ServerJson.Answers.ResponseEvent, e.Type);
        }
    }

    private ResponseObject Whole()
    {
        if (_reason is null)
        {
            throw new InvalidOperationException("The generator ended without a finish reason.");
        }

        var status = _reason == FinishReason.Length ? "incomplete" : "completed";
        var usage = _usage.Now;
        return Base(status) with
        {
            CompletedAt = plan.IsRepeatable ? plan.Created : DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            IncompleteDetails = _reason == FinishReason.Length ? OutOfTokens : null,
            Output =
            [
                new ResponseOutputMessage
                {
                    Id = _itemId,
                    Status = status,
                    Content = [new ResponseOutputText { Text = _text.ToString() }],
                },
            ],
            Usage = new ResponseUsage
            {
                InputTokens = usage.PromptTokens,
                InputTokensDetails = new ResponseInputDetails { CachedTokens = usage.PromptTokensDetails.CachedTokens },
                OutputTokens = usage.CompletionTokens,
                TotalTokens = usage.TotalTokens,
            },
        };
    }

    private ResponseObject Base(string status) => new()
    {
        Id = plan.Id,
        CreatedAt = plan.Created,
        Status = status,
        Instructions = request.Instructions,
        MaxOutputTokens = request.MaxOutputTokens,
        Model = plan.Model.Id,
        Output = [],
        Temperature = request.Temperature ?? plan.Prompts[0].Options.Temperature,
        TopP = request.TopP ?? 1,
        Text = new ResponseTextSettings { Format = ResponseRequests.TextFormat(request) },
        Truncation = request.Truncation ?? "disabled",
        Metadata = request.Metadata,
        User = request.User,
    };
}
