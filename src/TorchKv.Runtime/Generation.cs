using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Serving;

namespace TorchKv.Runtime;

/// <summary>A request that was submitted; it runs whether or not it is read. Thread-safe.</summary>
/// <remarks>
/// Pieces wait for their reader, at most as many as the request has tokens, so that a slow reader delays no request.
/// Each piece is read once: several readers share the pieces.
/// </remarks>
public sealed class Generation : IAsyncEnumerable<GeneratedPiece>
{
    private readonly EngineLoop _loop;
    private readonly GenerationRequest _request;

    internal Generation(EngineLoop loop, GenerationRequest request)
    {
        _loop = loop;
        _request = request;
    }

    /// <summary>
    /// Done when the request has ended and its blocks are given back; faulted or cancelled as the stream ends.
    /// </summary>
    public Task Completion => _request.Stream.Completion;

    /// <summary>
    /// Ends the request. Pieces that were generated can still be read, then <see cref="OperationCanceledException"/> is
    /// thrown.
    /// </summary>
    public void Cancel() => _loop.Cancel(_request);

    /// <summary>Reads the pieces as they come.</summary>
    /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
    /// <exception cref="DeadlineExceededException">The deadline passed.</exception>
    /// <exception cref="ConstraintException">The constraint cannot be prepared, or failed on the way.</exception>
    /// <exception cref="RequestFailedException">The request's computation failed.</exception>
    /// <exception cref="EngineClosedException">The engine was disposed.</exception>
    public IAsyncEnumerator<GeneratedPiece> GetAsyncEnumerator(CancellationToken cancellationToken = default)
        => _request.Stream.Reader.ReadAllAsync(cancellationToken).GetAsyncEnumerator(CancellationToken.None);
}
