using Microsoft.AspNetCore.Http;

namespace TorchKv.Batch.Endpoints;

/// <summary>A stream to be read once, up to a length.</summary>
/// <param name="inner">Where the bytes come from.</param>
/// <param name="most">The most bytes.</param>
/// <param name="tooLong">The error for one byte more.</param>
/// <param name="broken">The error where the stream breaks off, so that it is not taken for the database's.</param>
internal sealed class LimitedStream(
    Stream inner, long most, Func<Exception> tooLong, Func<IOException, Exception> broken) : Stream
{
    private long _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            var read = await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            _read += read;
            return _read <= most ? read : throw tooLong();
        }
        catch (IOException e) when (e is not BadHttpRequestException)
        {
            throw broken(e);
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
