using System.Buffers;
using System.IO.Pipelines;

namespace TorchKv.Router.Forwarding;

/// <summary>Reads server-sent events off a connection, as replicas write them.</summary>
/// <remarks>Belongs to one stream; not thread-safe. An event that has not come whole is never given.</remarks>
internal sealed class EventReader(Stream stream) : IAsyncDisposable
{
    /// <summary>An event that is larger is none of a replica's.</summary>
    private const int MostBytes = 16 << 20;

    private readonly PipeReader _reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 4096));
    private ReadOnlySequence<byte> _buffer;
    private bool _isHeld;
    private bool _isAtEnd;

    /// <summary>The lines of the event that was read, without the empty line; valid until the next is read.</summary>
    public ReadOnlySequence<byte> Event { get; private set; }

    /// <summary>Takes the next event that has come whole.</summary>
    /// <returns>False where it has not.</returns>
    public bool TryTake()
    {
        if (!_isHeld)
        {
            return false;
        }

        var reader = new SequenceReader<byte>(_buffer);
        if (!reader.TryReadTo(out ReadOnlySequence<byte> lines, "\n\n"u8))
        {
            return false;
        }

        Event = lines;
        _buffer = _buffer.Slice(reader.Position);
        return true;
    }

    /// <summary>Waits for more bytes.</summary>
    /// <returns>False where the connection has ended.</returns>
    /// <exception cref="ReplicaLostException">There are too many bytes without an end of an event.</exception>
    public ValueTask<bool> MoreAsync(CancellationToken cancellationToken)
    {
        if (_isAtEnd)
        {
            return new ValueTask<bool>(false);
        }

        if (_isHeld)
        {
            if (_buffer.Length > MostBytes)
            {
                throw new ReplicaLostException(LossReason.Garbled, $"An event has more than {MostBytes} bytes.");
            }

            _reader.AdvanceTo(_buffer.Start, _buffer.End);
            _isHeld = false;
        }

        var read = _reader.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully ? new ValueTask<bool>(Take(read.Result)) : WaitAsync(read);
    }

    public ValueTask DisposeAsync() => _reader.CompleteAsync();

    private async ValueTask<bool> WaitAsync(ValueTask<ReadResult> read) => Take(await read.ConfigureAwait(false));

    private bool Take(ReadResult result)
    {
        _buffer = result.Buffer;
        _isHeld = true;
        _isAtEnd = result.IsCompleted;
        return !result.IsCompleted || !result.Buffer.IsEmpty;
    }
}
