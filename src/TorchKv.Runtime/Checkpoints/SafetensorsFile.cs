using System.Diagnostics.CodeAnalysis;
using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>
/// A safetensors file, open for reading: the header's length in eight bytes, a JSON header, the tensors' data
/// (https://github.com/huggingface/safetensors). The header is validated before anything is allocated for what it
/// claims.
/// </summary>
/// <remarks>
/// As the format's own reader does, this refuses a header longer than the file or than 100 MB, names that appear twice,
/// and offsets that overlap, leave a gap, run past the file or do not match dtype and shape.
/// </remarks>
public sealed class SafetensorsFile : IDisposable
{
    private readonly SafeFileHandle _handle;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, CheckpointTensor> _byName;
    private readonly long _length;
    private MemoryMappedFile? _map;
    private MemoryMappedViewAccessor? _view;
    private unsafe byte* _start;
    private bool _disposed;

    private SafetensorsFile(string path, SafeFileHandle handle, long length)
    {
        Path = path;
        _handle = handle;
        _length = length;
        var header = SafetensorsHeader.Read(this, length);
        Metadata = header.Metadata;
        Tensors = header.Tensors;
        _byName = new Dictionary<string, CheckpointTensor>(Tensors.Count);
        foreach (var tensor in Tensors)
        {
            _byName.Add(tensor.Name, tensor);
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
        _byName.TryGetValue(name, out var tensor)
            ? tensor
            : throw new CheckpointException(Path, name, "is not in the file.");

    /// <summary>The tensor of that name, if there is one.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out CheckpointTensor? tensor) =>
        _byName.TryGetValue(name, out tensor);

    /// <summary>Opens a file and validates its header; data is not touched.</summary>
    /// <exception cref="CheckpointException">
    /// There is no such file, it cannot be read, or it is not a valid safetensors file.
    /// </exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0)
        {
            throw new CheckpointException("''", null, "is no name of a file.");
        }

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
                FileNotFoundException or DirectoryNotFoundException =>
                    new CheckpointException(path, null, "there is no such file.", error),
                IOException or UnauthorizedAccessException or NotSupportedException =>
                    new CheckpointException(path, null, $"cannot be read: {error.Message}", error),
                _ => error,
            };
        }
    }

    /// <summary>Closes the file. Spans and pointers into it end here.</summary>
    public unsafe void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            if (_start is not null)
            {
                _view!.SafeMemoryMappedViewHandle.ReleasePointer();
                _start = null;
            }

            _view?.Dispose();
            _map?.Dispose();
            _handle.Dispose();
        }
    }

    /// <summary>The file's first byte in memory; mapped when first asked for.</summary>
    internal unsafe byte* Map()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);

            // Touching a page past the file's end would end the process. CheckpointTensor's remarks tell of a file that
            // shrinks after this check.
            var now = RandomAccess.GetLength(_handle);
            if (now < _length)
            {
                throw Shrunk(null, now);
            }

            if (_start is null)
            {
                _map = MemoryMappedFile.CreateFromFile(
                    _handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
                _view = _map.CreateViewAccessor(0, _length, MemoryMappedFileAccess.Read);
                byte* pointer = null;
                _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
                _start = pointer + _view.PointerOffset;
            }

            return _start;
        }
    }

    internal void Read(long offset, Span<byte> destination, string? tensor)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        while (!destination.IsEmpty)
        {
            int count;
            try
            {
                count = RandomAccess.Read(_handle, destination, offset);
            }
            catch (IOException error)
            {
                throw new CheckpointException(Path, tensor, $"cannot be read: {error.Message}", error);
            }

            if (count == 0)
            {
                throw Shrunk(tensor, RandomAccess.GetLength(_handle));
            }

            destination = destination[count..];
            offset += count;
        }
    }

    private CheckpointException Shrunk(string? tensor, long now) =>
        new(Path, tensor, $"the file had {_length:N0} bytes when it was opened and has {now:N0} now.");
}
