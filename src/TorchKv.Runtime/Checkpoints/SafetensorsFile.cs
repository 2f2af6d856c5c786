using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>
/// A safetensors file, open for reading: eight bytes of header length, a JSON header, the tensors' data
/// (https://github.com/huggingface/safetensors). The header is validated before anything is allocated for what it claims.
/// </summary>
/// <remarks>
/// Refused, as the format's own reader refuses them: a header longer than the file or than 100 MB, names that appear twice,
/// offsets that overlap, leave a gap, run past the file or do not match dtype and shape.
/// </remarks>
public sealed class SafetensorsFile : IDisposable
{
    private readonly SafeFileHandle handle;
    private readonly Lock gate = new();
    private readonly Dictionary<string, CheckpointTensor> byName;
    private readonly long length;
    private MemoryMappedFile? map;
    private MemoryMappedViewAccessor? view;
    private unsafe byte* start;
    private bool disposed;

    private SafetensorsFile(string path, SafeFileHandle handle, long length)
    {
        Path = path;
        this.handle = handle;
        this.length = length;
        var header = SafetensorsHeader.Read(this, length);
        Metadata = header.Metadata;
        Tensors = header.Tensors;
        byName = new Dictionary<string, CheckpointTensor>(Tensors.Count);
        foreach (var tensor in Tensors)
        {
            byName.Add(tensor.Name, tensor);
        }
    }

    /// <summary>The file's path.</summary>
    public string Path { get; }

    /// <summary>The header's <c>__metadata__</c>; empty where it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The tensors in the order of their data.</summary>
    public IReadOnlyList<CheckpointTensor> Tensors { get; }

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="CheckpointException">There is none.</exception>
    public CheckpointTensor this[string name] =>
        byName.TryGetValue(name, out var tensor) ? tensor : throw new CheckpointException(Path, name, "is not in the file.");

    /// <summary>The tensor of that name, if there is one.</summary>
    public bool TryGet(string name, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out CheckpointTensor? tensor) =>
        byName.TryGetValue(name, out tensor);

    /// <summary>Opens a file and validates its header; data is not touched.</summary>
    /// <exception cref="CheckpointException">There is no such file, it cannot be read, or it is not a valid safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read, FileOptions.RandomAccess);
            return new SafetensorsFile(path, handle, RandomAccess.GetLength(handle));
        }
        catch (Exception error)
        {
            handle?.Dispose();
            throw error switch
            {
                FileNotFoundException or DirectoryNotFoundException => new CheckpointException(path, null, "there is no such file.", error),
                IOException or UnauthorizedAccessException or NotSupportedException =>
                    new CheckpointException(path, null, $"cannot be read: {error.Message}", error),
                _ => error,
            };
        }
    }

    /// <summary>Closes the file. Spans and pointers into it end here.</summary>
    public unsafe void Dispose()
    {
        lock (gate)
        {
            if (disposed)
            {
                return;
            }

            disposed = true;
            if (start is not null)
            {
                view!.SafeMemoryMappedViewHandle.ReleasePointer();
                start = null;
            }

            view?.Dispose();
            map?.Dispose();
            handle.Dispose();
        }
    }

    /// <summary>The file's first byte in memory; mapped when first asked for.</summary>
    internal unsafe byte* Map()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);

            // A page past the file's end would end the process. A file that shrinks later than this is documented at Bytes.
            var now = RandomAccess.GetLength(handle);
            if (now < length)
            {
                throw Shrunk(null, now);
            }

            if (start is null)
            {
                map = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
                view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
                byte* pointer = null;
                view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
                start = pointer + view.PointerOffset;
            }

            return start;
        }
    }

    internal void Read(long offset, Span<byte> destination, string? tensor)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        while (!destination.IsEmpty)
        {
            int count;
            try
            {
                count = RandomAccess.Read(handle, destination, offset);
            }
            catch (IOException error)
            {
                throw new CheckpointException(Path, tensor, $"cannot be read: {error.Message}", error);
            }

            if (count == 0)
            {
                throw Shrunk(tensor, RandomAccess.GetLength(handle));
            }

            destination = destination[count..];
            offset += count;
        }
    }

    private CheckpointException Shrunk(string? tensor, long now) =>
        new(Path, tensor, $"the file had {length:N0} bytes when it was opened and has {now:N0} now.");
}
