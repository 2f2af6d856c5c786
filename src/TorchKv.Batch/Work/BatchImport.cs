using System.Runtime.CompilerServices;
using TorchKv.Batch.Lines;
using TorchKv.Batch.Store;

namespace TorchKv.Batch.Work;

/// <summary>Reads the lines of a batch's input file, and says what is wrong with them.</summary>
internal sealed class BatchImport(FileStore files, StoredBatch batch, int longestLine, int mostLines)
{
    private const int MostFaults = 100;
    private readonly List<LineFault> _faults = [];

    // 128 bits of each custom_id: a million lines take about 30 MiB.
    private readonly HashSet<UInt128> _customIds = [];

    /// <summary>What is wrong with the file; nothing where it can be used. Complete once all lines were read.</summary>
    public IReadOnlyList<LineFault> Faults => _faults;

    /// <summary>The lines, until one is wrong; then the rest is only checked.</summary>
    /// <exception cref="FaultyInputException">At the end, where a line was wrong.</exception>
    public async IAsyncEnumerable<(int Number, BatchLine Line)> LinesAsync(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var file = await files.FindAsync(batch.Tenant, batch.InputFileId, cancellationToken).ConfigureAwait(false);
        if (file is null)
        {
            _faults.Add(new LineFault("file_not_found", $"There is no file {batch.InputFileId} any more.", null, 0));
            throw new FaultyInputException();
        }

        using var stream = new PieceStream(files.PiecesAsync(file.No, cancellationToken));
        var reader = new BatchLineReader(stream, longestLine);
        var count = 0;
        while (_faults.Count < MostFaults && await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!reader.IsTooLong && reader.IsBlank)
            {
                continue;
            }

            if (++count > mostLines)
            {
                _faults.Add(new LineFault(
                    "too_many_requests",
                    $"Line {reader.Number}: a batch has {mostLines} requests at most.",
                    null,
                    reader.Number));
                break;
            }

            if (Check(reader) is { } line && _faults.Count == 0)
            {
                yield return ((int)reader.Number, line);
            }
        }

        if (count == 0)
        {
            _faults.Add(new LineFault("empty_file", "The file has no line.", null, 0));
        }

        if (_faults.Count > 0)
        {
            throw new FaultyInputException();
        }
    }

    private BatchLine? Check(BatchLineReader reader)
    {
        var fault = reader.IsTooLong ? reader.TooLong : null;
        var line = fault is null
            ? BatchLineParser.Parse(reader.Line, reader.Number, batch.Endpoint, out fault)
            : null;
        if (line is not null && !_customIds.Add(LineName.HashOf(line.CustomId)))
        {
            fault = new LineFault(
                "duplicate_custom_id",
                $"Line {reader.Number}: custom_id is that of a line before it; each line must have its own.",
                "custom_id",
                reader.Number);
        }

        if (fault is null)
        {
            return line;
        }

        _faults.Add(fault);
        return null;
    }
}
