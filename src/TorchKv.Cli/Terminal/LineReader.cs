using System.Text;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Terminal;

/// <summary>
/// Lines of UTF-8 text from a stream, each decoded by itself: bytes that are no text spoil their own line only.
/// </summary>
internal sealed class LineReader(Stream stream) : IDisposable
{
    private static readonly UTF8Encoding s_strictUtf8 = new(
        encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly byte[] _buffer = new byte[4096];
    private readonly MemoryStream _line = new();
    private int _next;
    private int _end;

    /// <summary>The number of the line that was read last, from 1.</summary>
    public int Number { get; private set; }

    /// <summary>The next line without its end (<c>\n</c> or <c>\r\n</c>); null at the end of the stream.</summary>
    /// <exception cref="TorchKvException">The line is not UTF-8; the next call reads the one after it.</exception>
    public string? ReadLine()
    {
        _line.SetLength(0);
        var isRead = false;
        while (Fill())
        {
            isRead = true;
            var rest = _buffer.AsSpan(_next, _end - _next);
            var length = rest.IndexOf((byte)'\n');
            _line.Write(length < 0 ? rest : rest[..length]);
            _next += length < 0 ? rest.Length : length + 1;
            if (length >= 0)
            {
                break;
            }
        }

        if (!isRead)
        {
            return null;
        }

        Number++;
        return Decode(_line.GetBuffer().AsSpan(0, (int)_line.Length));
    }

    public void Dispose() => stream.Dispose();

    private bool Fill()
    {
        if (_next == _end)
        {
            (_next, _end) = (0, stream.Read(_buffer));
        }

        return _next < _end;
    }

    private string Decode(ReadOnlySpan<byte> bytes)
    {
        if (Number == 1 && bytes.StartsWith((ReadOnlySpan<byte>)[0xEF, 0xBB, 0xBF]))
        {
            bytes = bytes[3..];
        }

        try
        {
            return s_strictUtf8.GetString(bytes is [.., (byte)'\r'] ? bytes[..^1] : bytes);
        }
        catch (DecoderFallbackException notUtf8)
        {
            throw new TorchKvException(
                $"standard input, line {Number} is not UTF-8 text; convert it first, with iconv for instance.",
                notUtf8);
        }
    }
}
