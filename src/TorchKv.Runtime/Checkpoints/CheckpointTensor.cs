using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>A tensor in a checkpoint's file: its name, dtype and shape, and access to its data.</summary>
/// <remarks>
/// The data can be read in two ways. <see cref="ReadBytes"/> and <see cref="CopyTo"/> copy it into the caller's memory;
/// a file that shrinks meanwhile gives a <see cref="CheckpointException"/>. <see cref="Bytes"/> and
/// <see cref="Pointer"/> map the file into memory without a copy. Pages that were touched then count as resident memory
/// (shared with other processes, and given back under pressure), and the operating system ends a process that touches a
/// page of a file that was truncated after the call. Any number of threads may read.
/// </remarks>
public sealed class CheckpointTensor
{
    private readonly SafetensorsFile _file;
    private readonly long _offset;

    internal CheckpointTensor(
        SafetensorsFile file,
        string name,
        TensorDType dtype,
        ImmutableArray<long> shape,
        long elementCount,
        long offset)
    {
        _file = file;
        _offset = offset;
        Name = name;
        FileName = name;
        DType = dtype;
        Shape = shape;
        ElementCount = elementCount;
    }

    private CheckpointTensor(CheckpointTensor of, string name)
        : this(of._file, name, of.DType, of.Shape, of.ElementCount, of._offset) => FileName = of.FileName;

    /// <summary>The tensor's name; within a <see cref="Checkpoint"/> the canonical one.</summary>
    public string Name { get; }

    /// <summary>The tensor's name in its file.</summary>
    public string FileName { get; }

    /// <summary>The path of the file that holds it.</summary>
    public string FilePath => _file.Path;

    /// <summary>The elements' type in the file.</summary>
    public TensorDType DType { get; }

    /// <summary>Sizes, outermost first; empty for a scalar. Data is row-major.</summary>
    public ImmutableArray<long> Shape { get; }

    /// <summary>The product of <see cref="Shape"/>.</summary>
    public long ElementCount { get; }

    /// <summary>Bytes in the file.</summary>
    public long ByteCount => ElementCount * DType.ByteSize();

    /// <summary>
    /// The data in the mapped file. It may not be aligned to the element's size, and it ends with the file's
    /// <c>Dispose</c>.
    /// </summary>
    /// <exception cref="CheckpointException">
    /// The file has shrunk, or the tensor is larger than a span (2 GiB); <see cref="Pointer"/> reaches such a tensor.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public unsafe ReadOnlySpan<byte> Bytes => ByteCount <= int.MaxValue
        ? new ReadOnlySpan<byte>(Pointer, (int)ByteCount)
        : throw new CheckpointException(FilePath, FileName, $"{ByteCount:N0} bytes do not fit a span.");

    /// <summary>
    /// The first byte of the data in the mapped file: <see cref="ByteCount"/> bytes, valid while the file is open.
    /// </summary>
    /// <exception cref="CheckpointException">The file has shrunk.</exception>
    /// <exception cref="ObjectDisposedException">The file is closed.</exception>
    public unsafe byte* Pointer => _file.Map() + _offset;

    /// <summary>
    /// Fills <paramref name="destination"/> with bytes of the data, from byte <paramref name="start"/> on.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The tensor does not have these bytes.</exception>
    /// <exception cref="CheckpointException">The file has shrunk or cannot be read.</exception>
    public void ReadBytes(Span<byte> destination, long start = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, ByteCount - start, nameof(destination));
        _file.Read(_offset + start, destination, FileName);
    }

    /// <summary>
    /// Fills <paramref name="destination"/> with elements, from element <paramref name="start"/> on, as float32.
    /// </summary>
    /// <param name="destination">As many elements as are wanted.</param>
    /// <param name="start">The first element, by its row-major index.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tensor does not have these elements.</exception>
    /// <exception cref="CheckpointException">
    /// The dtype is none of the floating ones (F32, F16, BF16, F64), or the file has shrunk.
    /// </exception>
    public void CopyTo(Span<float> destination, long start = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, ElementCount - start, nameof(destination));
        if (DType == TensorDType.Float32)
        {
            ReadBytes(MemoryMarshal.AsBytes(destination), start * sizeof(float));
            if (!BitConverter.IsLittleEndian)
            {
                FloatConversion.ReverseEndianness(destination);
            }

            return;
        }

        if (!FloatConversion.Supports(DType))
        {
            throw new CheckpointException(
                FilePath,
                FileName,
                $"{DType.SafetensorsName()} does not convert to float32; F32, F16, BF16 and F64 do.");
        }

        // Small enough for the first-level cache, large enough that the system call does not show.
        Span<byte> buffer = stackalloc byte[16 * 1024];
        var size = DType.ByteSize();
        while (!destination.IsEmpty)
        {
            var count = Math.Min(destination.Length, buffer.Length / size);
            ReadBytes(buffer[..(count * size)], start * size);
            FloatConversion.ToSingle(DType, buffer[..(count * size)], destination[..count]);
            destination = destination[count..];
            start += count;
        }
    }

    /// <summary>Name, dtype and shape.</summary>
    public override string ToString() => $"{Name} {DType.SafetensorsName()} [{string.Join(", ", Shape)}]";

    internal CheckpointTensor Named(string name) => new(this, name);
}
