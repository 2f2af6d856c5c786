using TorchKv.Batch.Errors;
using TorchKv.Batch.Lines;

namespace TorchKv.Batch.Local;

/// <summary>
/// What a first reading of the input says: how many lines it has, which name each gets, and which repeat a custom_id.
/// A line costs about 60 bytes of memory, whatever its length.
/// </summary>
internal sealed class InputSurvey
{
    // By the hash of the custom_id: 128 bits, so that even with 10^9 lines a chance match is less likely than 10^-20.
    private readonly Dictionary<UInt128, (UInt128 Name, long Line)> _lines = [];
    private readonly Dictionary<long, UInt128> _badLines = [];

    public long Count => _lines.Count + (long)_badLines.Count;

    /// <summary>Reads the whole input.</summary>
    public static async Task<InputSurvey> ReadAsync(FileBatchOptions options, CancellationToken cancellationToken)
    {
        var survey = new InputSurvey();
        using var input = FileBatchInput.Open(options);
        while (await input.ReadAsync(cancellationToken).ConfigureAwait(false) is { } item)
        {
            if (item.Line is { } line && survey._lines.TryAdd(
                LineName.HashOf(line.CustomId), (item.Name.Hash, item.Number)))
            {
                continue;
            }

            survey._badLines.Add(item.Number, item.Name.Hash);
        }

        return survey;
    }

    /// <summary>The item as the survey saw it: a second line with a custom_id becomes a bad one.</summary>
    /// <exception cref="BatchException">The input has changed since.</exception>
    public InputItem Check(InputItem item, FileBatchOptions options)
    {
        if (item.Line is { } line
            && _lines.TryGetValue(LineName.HashOf(line.CustomId), out var seen)
            && seen.Line == item.Number)
        {
            return seen.Name == item.Name.Hash ? item : throw Changed(item.Number, options);
        }

        if (!_badLines.TryGetValue(item.Number, out var name) || name != item.Name.Hash)
        {
            throw Changed(item.Number, options);
        }

        return item.Line is not { } again ? item : item with
        {
            Line = null,
            Fault = new LineFault(
                "duplicate_custom_id",
                $"Line {item.Number}: custom_id is that of line {_lines[LineName.HashOf(again.CustomId)].Line}; "
                + "each line must have its own.",
                "custom_id",
                item.Number),
        };
    }

    /// <summary>Whether a record is the answer of a line of this input, under these settings.</summary>
    /// <returns>Null where it is; else what is wrong, as a phrase.</returns>
    public string? Mismatch(RecordKey key)
    {
        UInt128 name;
        if (key.Line is { } number)
        {
            if (!_badLines.TryGetValue(number, out name))
            {
                return $"answers line {number}, which is no bad line there";
            }
        }
        else if (_lines.TryGetValue(LineName.HashOf(key.CustomId!), out var seen))
        {
            name = seen.Name;
        }
        else
        {
            return $"answers custom_id '{Short(key.CustomId!)}', which no line has there";
        }

        return new LineName(name).ToString() == key.Name ? null
            : $"answers {(key.Line is { } at ? $"line {at}" : $"custom_id '{Short(key.CustomId!)}'")} as it was "
                + "before: the line, the model or its options were others";
    }

    private static BatchException Changed(long number, FileBatchOptions options) => new(
        $"{options.Input} was changed while it was read (line {number}); run the command again once it is complete.");

    private static string Short(string text) => text.Length <= 64 ? text : text[..64] + "…";
}
