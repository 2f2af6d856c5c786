using TorchKv.Server.Resuming;

namespace TorchKv.Server.Reconnecting;

/// <summary>Keeps the token ids of streams whose clients may come back, by their idempotency keys.</summary>
/// <remarks>
/// Thread-safe. What it loses is generated again: it makes a return cheap, and never wrong. So it never holds a stream
/// up, and a failure of its store is no failure of a request.
/// </remarks>
internal interface IStreamJournal
{
    /// <summary>What is known of a stream; null: nothing.</summary>
    /// <param name="key">SHA-256 of the caller and its idempotency key.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    ValueTask<StreamRecord?> FindAsync(byte[] key, CancellationToken cancellationToken);

    /// <summary>Begins to keep a stream, or goes on with one.</summary>
    /// <param name="key">SHA-256 of the caller and its idempotency key.</param>
    /// <param name="record">What is known of it.</param>
    IStreamRecorder Begin(byte[] key, StreamRecord record);
}
