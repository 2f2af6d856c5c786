using System.Threading.Channels;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Serving;

/// <summary>The stream of one request's pieces. The engine's thread writes; any thread reads.</summary>
internal sealed class PieceStream
{
    // Without a bound, so that the engine never waits for a reader. A request has at most as many pieces as tokens.
    private readonly Channel<GeneratedPiece> _pieces = Channel.CreateUnbounded<GeneratedPiece>(
        new UnboundedChannelOptions { SingleWriter = true });
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The pieces, each read once.</summary>
    public ChannelReader<GeneratedPiece> Reader => _pieces.Reader;

    /// <summary>Done when the request has ended, read or not.</summary>
    public Task Completion => _completion.Task;

    public void Write(GeneratedPiece piece) => _pieces.Writer.TryWrite(piece);

    /// <summary>Ends the stream: with nothing, or with the error that its reader gets after the pieces.</summary>
    public void Complete(Exception? error)
    {
        _pieces.Writer.TryComplete(error);
        switch (error)
        {
            case null:
                _completion.TrySetResult();
                break;
            case OperationCanceledException:
                _completion.TrySetCanceled();
                break;
            default:
                _completion.TrySetException(error);

                // Marks the exception as observed: the reader of the stream gets it.
                _ = _completion.Task.Exception;
                break;
        }
    }
}
