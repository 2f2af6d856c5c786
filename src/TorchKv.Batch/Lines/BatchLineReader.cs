namespace TorchKv.Batch.Lines;

/// <summary>Lines of bytes from a stream, one in memory at a time.</summary>
/// <param name="stream">Where the lines come from; it stays its owner's.</param>
/// <param name="longest">The longest line, in bytes: the rest of a longer one is skipped.</param>
internal sealed class BatchLineReader(Stream stream, int longest)
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly MemoryStream _line = new();
    private int _next;
    private int _end;
    private bool _isAtEnd;
    private int _mark;

    /// <summary>The number of the line that was read last, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>The line that was read last, without its end. It is valid until the next is read.</summary>
    public ReadOnlyMemory<byte> Line => _line.GetBuffer().AsMemory(_mark, (int)_line.Length - _mark);

    /// <summary>
    /// Whether the line that was read last was longer than the limit; <see cref="Line"/> has its start.
    /// </summary>
    public bool IsTooLong { get; private set; }

    /// <summary>Whether the line that was read last ended with a line feed.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Bytes of the stream up to the end of the line that was read last.</summary>
    public long Position { get; private set; }

    /// <summary>What is wrong with a line that is too long.</summary>
    public LineFault TooLong => new(
        "line_too_long", $"Line {Number} is longer than {longest} bytes.", null, Number);

    /// <summary>Whether the line that was read last has nothing but white space.</summary>
    public bool IsBlank => Line.Span.Trim(" \t\r"u8).IsEmpty;

    /// <summary>Reads the next line; false at the end.</summary>
    public async ValueTask<bool> ReadAsync(CancellationToken cancellationToken)
    {
        _line.SetLength(0);
        (IsTooLong, IsWhole, _mark) = (false, false, 0);
        var isRead = false;
        while (_next < _end || await FillAsync(cancellationToken).ConfigureAwait(false))
        {
            isRead = true;
            if (TakeToLineFeed())
            {
                IsWhole = true;
                break;
            }
        }

        if (!isRead)
        {
            return false;
        }

        Number++;
        if (Number == 1 && Line.Span.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
        {
            // A byte order mark is no part of the first line.
            _mark = 3;
        }

        if (_line.Length > 0 && !IsTooLong && _line.GetBuffer()[_line.Length - 1] == (byte)'\r')
        {
            _line.SetLength(_line.Length - 1);
        }

        return true;
    }

    private bool TakeToLineFeed()
    {
        var rest = _buffer.AsSpan(_next, _end - _next);
        var length = rest.IndexOf((byte)'\n');
        var taken = length < 0 ? rest : rest[..length];
        var room = (int)Math.Min(taken.Length, longest - _line.Length);
        IsTooLong |= room < taken.Length;
        _line.Write(taken[..room]);
        var consumed = length < 0 ? rest.Length : length + 1;
        _next += consumed;
        Position += consumed;
        return length >= 0;
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_isAtEnd)
        {
            return false;
        }

        (_next, _end) = (0, await stream.ReadAsync(_buffer, cancellationToken).ConfigureAwait(false));
        _isAtEnd = _end == 0;
        return !_isAtEnd;
    }
}
