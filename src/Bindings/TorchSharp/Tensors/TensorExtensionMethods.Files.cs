using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TorchSharp;

// A tensor in the package's own format: type, number of dimensions, sizes (all LEB128), then the elements' bytes.
public static partial class TensorExtensionMethods
{
    private const int MaxDimensions = 64;

    public static void Save(this Tensor tensor, BinaryWriter writer)
    {
        // Contiguous first, as only the elements themselves are written.
        using var source = tensor.cpu();
        using var ordered = source.contiguous();
        writer.Encode((int)ordered.dtype);
        writer.Encode(ordered.ndim);
        foreach (var size in ordered.shape)
        {
            writer.Encode(size);
        }
        writer.Flush();
        ordered.WriteBytesToStream(writer.BaseStream);
    }

    public static void Save(this Tensor tensor, Stream stream)
    {
        using var writer = new BinaryWriter(stream);
        tensor.Save(writer);
    }

    public static void Save(this Tensor tensor, string location)
    {
        using var stream = File.Create(location);
        tensor.Save(stream);
    }

    /// <summary>Reads into a tensor that is already there.</summary>
    /// <exception cref="ArgumentException">The file's type or shape is another.</exception>
    public static void Load(this Tensor tensor, BinaryReader reader, bool skip = false)
    {
        var (type, sizes) = ReadHeader(reader);
        if (type != tensor.dtype)
        {
            throw new ArgumentException("Mismatched tensor data types while loading. Make sure that the model you are loading into is exactly the same as the origin.");
        }
        if (skip)
        {
            SkipElements(reader, type, sizes);
            return;
        }
        if (!sizes.AsSpan().SequenceEqual(tensor.shape))
        {
            throw new ArgumentException("Mismatched tensor shape while loading. Make sure that the model you are loading into is exactly the same as the origin.");
        }
        using var _ = no_grad();
        if (tensor.is_cpu() && tensor.is_contiguous())
        {
            tensor.ReadBytesFromStream(reader.BaseStream);
            return;
        }
        using var read = empty(sizes, type, CPU);
        read.ReadBytesFromStream(reader.BaseStream);
        tensor.copy_(read);
    }

    public static Tensor Load(BinaryReader reader, bool skip = false)
    {
        Tensor? tensor = null;
        Load(ref tensor, reader, skip);
        return tensor!;
    }

    public static void Load(ref Tensor? tensor, BinaryReader reader, bool skip = false)
    {
        var (type, sizes) = ReadHeader(reader);
        if (tensor is not null && !skip && !sizes.AsSpan().SequenceEqual(tensor.shape))
        {
            throw new ArgumentException("Mismatched tensor shape while loading. Make sure that the model you are loading into is exactly the same as the origin.");
        }
        if (skip)
        {
            tensor ??= zeros(sizes, type);
            SkipElements(reader, type, sizes);
            return;
        }
        RequireBytes(reader, type, sizes);
        var read = empty(sizes, type, CPU);
        read.ReadBytesFromStream(reader.BaseStream);
        if (tensor is null)
        {
            tensor = read;
            return;
        }
        using (read)
        using (no_grad())
        {
            tensor.copy_(read);
        }
    }

    internal static void Skip(BinaryReader reader)
    {
        var (type, sizes) = ReadHeader(reader);
        SkipElements(reader, type, sizes);
    }

    private static (ScalarType, long[]) ReadHeader(BinaryReader reader)
    {
        var type = (ScalarType)checked((sbyte)reader.Decode());
        if (!Enum.IsDefined(type))
        {
            throw new ArgumentException($"{(int)type} is not an element type; this is not a file of tensors, or it is damaged.");
        }
        var dimensions = reader.Decode();
        if (dimensions > MaxDimensions)
        {
            throw new ArgumentException($"a tensor of {dimensions} dimensions; at most {MaxDimensions} can be read.");
        }
        var sizes = new long[dimensions];
        for (var i = 0; i < sizes.Length; i++)
        {
            sizes[i] = reader.Decode();
        }
        return (type, sizes);
    }

    private static long ByteCount(ScalarType type, long[] sizes)
    {
        long bytes = type.ElementSize();
        foreach (var size in sizes)
        {
            bytes = checked(bytes * size);
        }
        return bytes;
    }

    // A size that the rest of the file cannot hold is refused before memory is taken for it.
    private static void RequireBytes(BinaryReader reader, ScalarType type, long[] sizes)
    {
        var stream = reader.BaseStream;
        if (stream.CanSeek && ByteCount(type, sizes) > stream.Length - stream.Position)
        {
            throw new EndOfStreamException($"a {type} tensor of shape [{string.Join(", ", sizes)}] needs {ByteCount(type, sizes)} bytes; {stream.Length - stream.Position} are left.");
        }
    }

    private static void SkipElements(BinaryReader reader, ScalarType type, long[] sizes)
    {
        RequireBytes(reader, type, sizes);
        reader.BaseStream.Seek(ByteCount(type, sizes), SeekOrigin.Current);
    }
}
