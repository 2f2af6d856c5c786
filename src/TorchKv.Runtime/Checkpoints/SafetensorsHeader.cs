using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using TorchKv.Runtime.Files;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>Reads and validates the JSON header of a safetensors file.</summary>
internal sealed class SafetensorsHeader
{
    /// <summary>Bytes before the header: its length.</summary>
    public const int LengthBytes = 8;

    /// <summary>The format's own limit.</summary>
    public const long LargestHeader = 100_000_000;

    // The header itself has three levels; a field that is not read may be deeper. A torch tensor has at most 64
    // dimensions.
    private const int MaxDepth = 128;
    private const int MaxDimensions = 64;

    private readonly SafetensorsFile _file;
    private readonly Dictionary<string, string> _metadata = [];
    private readonly List<Entry> _entries = [];

    private SafetensorsHeader(SafetensorsFile file) => _file = file;

    public IReadOnlyDictionary<string, string> Metadata => _metadata;

    public IReadOnlyList<CheckpointTensor> Tensors { get; private set; } = [];

    /// <summary>Reads the header and checks it.</summary>
    /// <param name="file">The file, open.</param>
    /// <param name="fileLength">Its length in bytes.</param>
    /// <exception cref="CheckpointException">The header is damaged, or does not describe the file.</exception>
    public static unsafe SafetensorsHeader Read(SafetensorsFile file, long fileLength)
    {
        if (fileLength < LengthBytes)
        {
            throw new CheckpointException(
                file.Path, null, $"has {fileLength} bytes, fewer than the 8 that give the header's length.");
        }

        Span<byte> start = stackalloc byte[(int)Math.Min(GitLfsPointer.PrefixBytes, fileLength)];
        file.Read(0, start, null);
        if (GitLfsPointer.Begins(start))
        {
            throw new CheckpointException(file.Path, null, GitLfsPointer.Reason);
        }

        var length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length > LargestHeader)
        {
            throw new CheckpointException(
                file.Path, null, $"claims a header of {length:N0} bytes; the format's limit is {LargestHeader:N0}.");
        }

        if (length > (ulong)(fileLength - LengthBytes))
        {
            throw new CheckpointException(
                file.Path, null, $"claims a header of {length:N0} bytes, but the file has {fileLength:N0} in all.");
        }

        var header = new SafetensorsHeader(file);
        var bytes = (byte*)NativeMemory.Alloc((nuint)Math.Max(1, length));
        try
        {
            var json = new Span<byte>(bytes, (int)length);
            file.Read(LengthBytes, json, null);
            header.Parse(json);
        }
        catch (JsonException error)
        {
            throw new CheckpointException(
                file.Path, null, $"the header is not JSON of the format: {JsonErrors.Describe(error)}", error);
        }
        finally
        {
            NativeMemory.Free(bytes);
        }

        header.Place(LengthBytes + (long)length, fileLength);
        return header;
    }

    private void Parse(ReadOnlySpan<byte> json)
    {
        if (json.IsEmpty || json[0] != (byte)'{')
        {
            throw new CheckpointException(
                _file.Path, null, "the header does not begin with \"{\": this is not a safetensors file.");
        }

        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        var names = new HashSet<string>();
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = Text(ref reader);
            if (!names.Add(name))
            {
                throw new CheckpointException(_file.Path, name, "appears twice in the header.");
            }

            reader.Read();
            if (name == "__metadata__")
            {
                ParseMetadata(ref reader);
            }
            else
            {
                _entries.Add(ParseTensor(name, ref reader));
            }
        }

        // Spaces may pad the header; the reader throws at anything else.
        reader.Read();
    }

    private void ParseMetadata(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            return;
        }

        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new CheckpointException(_file.Path, null, "__metadata__ is not an object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = Text(ref reader);
            reader.Read();
            if (reader.TokenType != JsonTokenType.String || !_metadata.TryAdd(key, Text(ref reader)))
            {
                throw new CheckpointException(_file.Path, null, "__metadata__ must map each key, once, to a text.");
            }
        }
    }

    private Entry ParseTensor(string name, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw Refuse(name, "is not described by an object.");
        }

        TensorDType? dtype = null;
        ImmutableArray<long>? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("dtype"))
            {
                Once(name, dtype is null);
                reader.Read();
                dtype = ParseDType(name, ref reader);
            }
            else if (reader.ValueTextEquals("shape"))
            {
                Once(name, shape is null);
                reader.Read();
                shape = ParseNumbers(name, "shape", MaxDimensions, ref reader);
            }
            else if (reader.ValueTextEquals("data_offsets"))
            {
                Once(name, offsets is null);
                reader.Read();
                offsets = ParseNumbers(name, "data_offsets", 2, ref reader);
            }
            else
            {
                // The format's own reader ignores it too.
                reader.Read();
                reader.Skip();
            }
        }

        if (dtype is null || shape is null || offsets is not { Length: 2 } range)
        {
            throw Refuse(name, "must have dtype, shape and two data_offsets.");
        }

        return Check(name, dtype.Value, shape.Value, range[0], range[1]);
    }

    private void Once(string name, bool isFirst)
    {
        if (!isFirst)
        {
            throw Refuse(name, "must have dtype, shape and data_offsets each once.");
        }
    }

    private Entry Check(string name, TensorDType dtype, ImmutableArray<long> shape, long begin, long end)
    {
        // Checked as it grows, so that no size overflows it: [2⁶³ − 1, 2⁶³ − 1, 0] is refused too.
        Int128 elements = 1;
        foreach (var size in shape)
        {
            elements *= size;
            if (elements > long.MaxValue / 8)
            {
                throw Refuse(name, $"shape [{string.Join(", ", shape)}] has more elements than any file.");
            }
        }

        if (end < begin || end - begin != (long)elements * dtype.ByteSize())
        {
            throw Refuse(
                name,
                $"{dtype.SafetensorsName()} of shape [{string.Join(", ", shape)}] takes "
                + $"{elements * dtype.ByteSize():N0} bytes, but data_offsets [{begin}, {end}] hold "
                + $"{(Int128)end - begin:N0}.");
        }

        return new Entry(name, dtype, shape, (long)elements, begin, end);
    }

    private TensorDType ParseDType(string name, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            throw Refuse(name, "dtype is not a text.");
        }

        var text = Text(ref reader);
        return TensorDTypes.TryParse(text, out var dtype)
            ? dtype
            : throw Refuse(name, $"dtype \"{(text.Length <= 20 ? text : text[..20] + "…")}\" is not known.");
    }

    private ImmutableArray<long> ParseNumbers(string name, string field, int most, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw Refuse(name, $"{field} is not a list.");
        }

        var numbers = ImmutableArray.CreateBuilder<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var number) || number < 0)
            {
                throw Refuse(name, $"{field} holds something that is not a whole number from 0 to 2⁶³ − 1.");
            }

            if (numbers.Count == most)
            {
                throw Refuse(name, $"{field} has more than {most} numbers.");
            }

            numbers.Add(number);
        }

        return numbers.DrainToImmutable();
    }

    /// <summary>
    /// Puts the entries in the order of their data, and checks that they fill the file without overlap or gap.
    /// </summary>
    private void Place(long dataStart, long fileLength)
    {
        // By end too: an empty tensor lies before the one that begins where it does.
        _entries.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        var dataLength = fileLength - dataStart;
        var position = 0L;
        foreach (var entry in _entries)
        {
            if (entry.End > dataLength)
            {
                throw Refuse(
                    entry.Name,
                    $"ends at byte {entry.End:N0} of the data, but the file has {dataLength:N0}: "
                    + "it is truncated or damaged.");
            }

            if (entry.Begin != position)
            {
                throw Refuse(entry.Name, $"begins at byte {entry.Begin:N0} of the data, " + (entry.Begin < position
                    ? "where another tensor's lies."
                    : $"and nothing describes the bytes from {position:N0} on."));
            }

            position = entry.End;
        }

        if (position != dataLength)
        {
            throw new CheckpointException(
                _file.Path, null, $"has {dataLength:N0} bytes of data, of which the header describes {position:N0}.");
        }

        var tensors = new CheckpointTensor[_entries.Count];
        for (var i = 0; i < tensors.Length; i++)
        {
            var entry = _entries[i];
            tensors[i] = new CheckpointTensor(
                _file, entry.Name, entry.DType, entry.Shape, entry.Elements, dataStart + entry.Begin);
        }

        Tensors = tensors;
    }

    private CheckpointException Refuse(string tensor, string reason) => new(_file.Path, tensor, reason);

    private string Text(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw new CheckpointException(_file.Path, null, "the header holds a text that is not UTF-8.", error);
        }
    }

    private readonly record struct Entry(
        string Name, TensorDType DType, ImmutableArray<long> Shape, long Elements, long Begin, long End);
}
