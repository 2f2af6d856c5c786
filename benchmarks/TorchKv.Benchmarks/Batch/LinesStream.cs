using System.Text;

namespace TorchKv.Benchmarks.Batch;

/// <summary>Lines as a stream to be read once, made as it is read.</summary>
internal sealed class LinesStream(IEnumerable<string> lines) : Stream
{
    private readonly IEnumerator<string> _lines = lines.GetEnumerator();
    private ReadOnlyMemory<byte> _rest;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        if (_rest.IsEmpty)
        {
            if (!_lines.MoveNext())
            {
                return 0;
            }

            _rest = Encoding.UTF8.GetBytes(_lines.Current);
        }

        var length = Math.Min(count, _rest.Length);
        _rest[..length].Span.CopyTo(buffer.AsSpan(offset));
        _rest = _rest[length..];
        return length;
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
