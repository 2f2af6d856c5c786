using TorchKv.Server.Answers;
using TorchKv.Server.Errors;
using TorchKv.Server.Requests;
using TorchKv.Server.Resuming;
using TorchKv.Server.Telemetry;

namespace TorchKv.Server.Internal;

/// <summary>A generation as a router reads it: each piece is an event, whose id has its count and its ids.</summary>
internal sealed class PieceAnswer(GenerationPlan plan) : IAnswer
{
    private readonly UsageCounter _usage = new(plan);

    public void Take(PromptPiece piece, SseStream? stream)
    {
        _usage.Take(piece);
        var row = piece.Piece.Row;
        stream!.Marks!.Take(row, piece.Piece.TokenIds);
        stream.Marks.Mark(row, piece.Piece.FinishReason is null ? ChoicePhase.Text : ChoicePhase.Ended);
        stream.Write(InternalPiece.Of(piece.Piece), InternalJson.Default.InternalPiece);
    }

    public void Finish(SseStream stream) => stream.Done();

    public void Fail(SseStream stream, ApiException error)
    {
        stream.Write(
            new InternalPiece
            {
                Error = new InternalError
                {
                    Status = error.Status,
                    Message = error.Message,
                    Type = error.Type,
                    Param = error.Param,
                    Code = error.Code,
                },
            },
            InternalJson.Default.InternalPiece);
        stream.Done();
    }

    public void Describe(GenerationSpan span) => _usage.Describe(span);

    public byte[] WriteWhole() => throw new NotSupportedException("A router reads streams alone.");
}
