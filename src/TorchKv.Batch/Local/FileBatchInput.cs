using TorchKv.Batch.Errors;
using TorchKv.Batch.Lines;

namespace TorchKv.Batch.Local;

/// <summary>Reads the input of a run, line by line.</summary>
internal sealed class FileBatchInput : IDisposable
{
    private readonly FileStream _stream;
    private readonly BatchLineReader _reader;
    private readonly byte[] _settings;

    private FileBatchInput(FileStream stream, FileBatchOptions options)
    {
        _stream = stream;
        _reader = new BatchLineReader(stream, options.LongestLine);
        _settings = options.Settings;
    }

    /// <summary>Opens the input.</summary>
    /// <exception cref="BatchException">It cannot be read.</exception>
    public static FileBatchInput Open(FileBatchOptions options)
    {
        try
        {
            return new FileBatchInput(
                new FileStream(
                    options.Input,
                    new FileStreamOptions { Options = FileOptions.SequentialScan, BufferSize = 0 }),
                options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new BatchException($"The requests cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The next line that is not blank; null at the end.</summary>
    public async ValueTask<InputItem?> ReadAsync(CancellationToken cancellationToken)
    {
        while (await _reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_reader.IsTooLong)
            {
                return new InputItem(
                    _reader.Number, LineName.Of(_settings, _reader.Line.Span), Line: null, _reader.TooLong);
            }

            if (!_reader.IsBlank)
            {
                // A line outlives the reader's buffer.
                var bytes = _reader.Line.ToArray();
                var line = BatchLineParser.Parse(bytes, _reader.Number, endpoint: null, out var fault);
                return new InputItem(_reader.Number, LineName.Of(_settings, bytes), line, fault);
            }
        }

        return null;
    }

    public void Dispose() => _stream.Dispose();
}
