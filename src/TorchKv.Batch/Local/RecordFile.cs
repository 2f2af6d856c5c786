using TorchKv.Batch.Errors;
using TorchKv.Batch.Lines;
using TorchKv.Runtime.Files;

namespace TorchKv.Batch.Local;

/// <summary>
/// A file that records are appended to. What a killed run left behind its last whole line is cut off, and nothing else
/// of a file is ever changed.
/// </summary>
internal sealed class RecordFile : IDisposable
{
    private readonly string _path;
    private readonly FileStream _stream;
    private long _whole;

    private RecordFile(string path, FileStream stream) => (_path, _stream) = (path, stream);

    /// <summary>Opens a file for this run alone, and makes it where it is not there.</summary>
    /// <exception cref="BatchException">It cannot be written, or another run has it.</exception>
    public static RecordFile Open(string path)
    {
        try
        {
            return new RecordFile(
                path,
                new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 256 * 1024));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new BatchException($"The answers cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Reads what runs before this one have written.</summary>
    /// <param name="isOurs">Says what is wrong with a record; null: nothing.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="BatchException">The file has what this batch did not write. It was not changed.</exception>
    public async Task ReadAsync(
        Func<RecordKey, string?> isOurs, CancellationToken cancellationToken)
    {
        _stream.Position = 0;
        var reader = new BatchLineReader(_stream, int.MaxValue - 64);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!reader.IsWhole)
            {
                CheckTornLine(reader.Line.Span, reader.Number);
                break;
            }

            var key = BatchRecord.KeyOf(reader.Line.Span) ?? throw Foreign(reader.Number, "is no answer of a batch");
            if (isOurs(key) is { } wrong)
            {
                throw Foreign(reader.Number, wrong);
            }

            _whole = reader.Position;
        }
    }

    /// <summary>Cuts a torn last line off; from here on the file is appended to.</summary>
    public void BeginAppending()
    {
        _stream.SetLength(_whole);
        _stream.Position = _whole;
    }

    /// <summary>Appends a record. It is in the file for certain only after <see cref="Flush"/>.</summary>
    /// <exception cref="BatchException">The file cannot be written.</exception>
    public void Append(ReadOnlySpan<byte> record)
    {
        try
        {
            _stream.Write(record);
            _stream.WriteByte((byte)'\n');
        }
        catch (Exception e) when (WriteErrors.IsWriteError(e))
        {
            throw Unwritable(e);
        }
    }

    /// <summary>Hands what was appended to the system, so that it outlives the process.</summary>
    /// <param name="toDisk">Whether it must outlive a loss of power too.</param>
    /// <exception cref="BatchException">The file cannot be written.</exception>
    public void Flush(bool toDisk = false)
    {
        try
        {
            _stream.Flush(toDisk);
        }
        catch (Exception e) when (WriteErrors.IsWriteError(e))
        {
            throw Unwritable(e);
        }
    }

    /// <summary>Removes the file where nothing is in it.</summary>
    public void RemoveIfEmpty()
    {
        if (_stream.Length == 0)
        {
            File.Delete(_path);
        }
    }

    public void Dispose()
    {
        try
        {
            _stream.Dispose();
        }
        catch (Exception e) when (WriteErrors.IsWriteError(e))
        {
            // The error before it is the one to report.
        }
    }

    private void CheckTornLine(ReadOnlySpan<byte> line, long number)
    {
        var start = BatchRecord.Start;
        var shared = Math.Min(start.Length, line.Length);
        if (!line[..shared].SequenceEqual(start[..shared]))
        {
            throw Foreign(number, "is no answer of a batch");
        }
    }

    private BatchException Unwritable(Exception e) => new(
        $"{_path} cannot be written: {WriteErrors.Reason(e)}; run the same command again to go on.", e);

    private BatchException Foreign(long line, string wrong) => new(
        $"{_path}, line {line} {wrong}. Nothing was changed; name another file, or remove this one to run all "
        + "lines again.");
}
