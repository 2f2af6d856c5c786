using TorchKv.Server.Errors;
using TorchKv.Server.Telemetry;

namespace TorchKv.Server.Answers;

/// <summary>The form of one request's answer, as a stream or as a whole.</summary>
/// <remarks>Belongs to one request; not thread-safe.</remarks>
internal interface IAnswer
{
    /// <summary>Takes a piece.</summary>
    /// <param name="piece">The piece.</param>
    /// <param name="stream">The stream to write it to; null: it is kept for <see cref="WriteWhole"/>.</param>
    void Take(PromptPiece piece, SseStream? stream);

    /// <summary>Ends the stream after the last piece.</summary>
    void Finish(SseStream stream);

    /// <summary>Ends the stream with an error, which its client reads as one.</summary>
    void Fail(SseStream stream, ApiException error);

    /// <summary>Tells a span how the answer ended and what it cost.</summary>
    void Describe(GenerationSpan span);

    /// <summary>The whole answer as JSON.</summary>
    byte[] WriteWhole();
}
