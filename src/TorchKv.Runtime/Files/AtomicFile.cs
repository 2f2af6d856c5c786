using System.Text;

namespace TorchKv.Runtime.Files;

/// <summary>
/// Writes a file so that a reader sees the old one or the new one, never a part: the content goes to a temporary file
/// in the same folder, which then takes the name. A symbolic link stays and its target is replaced. What is no ordinary
/// file (a device, a pipe) is written directly, because a rename would replace it.
/// </summary>
internal sealed class AtomicFile : IDisposable
{
    private readonly string _path;
    private readonly string _target;
    private readonly string? _temporary;
    private readonly FileStream _stream;
    private bool _committed;

    private AtomicFile(string path, string target, string? temporary, FileStream stream)
    {
        (_path, _target, _temporary, _stream) = (path, target, temporary, stream);
    }

    /// <summary>Writes a whole file.</summary>
    /// <param name="path">The file to make or replace.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="length">How long the file becomes, in bytes, where that is known: a full disk is found at
    /// once.</param>
    /// <param name="durable">Whether the content must be on the disk before the file takes its name.</param>
    /// <exception cref="OutputFileException">The file cannot be written.</exception>
    public static void Write(string path, Action<Stream> write, long length = 0, bool durable = false)
    {
        using var file = Prepare(path, write, length);
        file.Commit(durable);
    }

    /// <summary>Writes a whole text file, in UTF-8 without a byte order mark.</summary>
    /// <exception cref="OutputFileException">The file cannot be written.</exception>
    public static void WriteText(string path, string text) =>
        Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    /// <summary>
    /// Writes the content of a file that takes its name with <see cref="Commit"/>. Without that nothing remains, except
    /// on a device or in a pipe.
    /// </summary>
    /// <param name="path">The file to make or replace.</param>
    /// <param name="write">Writes the content.</param>
    /// <param name="length">How long the file becomes, in bytes, where that is known.</param>
    /// <exception cref="OutputFileException">The file cannot be written.</exception>
    public static AtomicFile Prepare(string path, Action<Stream> write, long length = 0)
    {
        var file = Create(path, length);
        try
        {
            write(file._stream);
            file._stream.Flush();
            return file;
        }
        catch (Exception error)
        {
            file.Dispose();
            if (WriteErrors.IsWriteError(error))
            {
                throw file.Refusal(error);
            }

            throw;
        }
    }

    /// <summary>Refuses a path at once that no file can be written to.</summary>
    /// <exception cref="OutputFileException">The path is empty, a folder, or in a folder that is not there.</exception>
    public static void Check(string path) => Resolve(path, out _);

    /// <summary>Ends the file and gives it its name.</summary>
    /// <param name="durable">Whether the content must be on the disk before that.</param>
    /// <exception cref="OutputFileException">The file cannot be written.</exception>
    public void Commit(bool durable = false)
    {
        try
        {
            _stream.Flush(durable && _temporary is not null);
            _stream.Dispose();
            if (_temporary is not null)
            {
                File.Move(_temporary, _target, overwrite: true);
            }

            _committed = true;
        }
        catch (Exception error) when (WriteErrors.IsWriteError(error))
        {
            throw Refusal(error);
        }
    }

    /// <summary>Removes the temporary file of what was not committed.</summary>
    public void Dispose()
    {
        try
        {
            _stream.Dispose();
        }
        catch (Exception error) when (!_committed && WriteErrors.IsWriteError(error))
        {
            // The rest of a buffer that cannot be written either; the error before it is the one to report.
        }

        if (_committed || _temporary is null)
        {
            return;
        }

        try
        {
            File.Delete(_temporary);
        }
        catch (Exception error) when (WriteErrors.IsWriteError(error))
        {
            // The error that led here is the one to report.
        }
    }

    private static AtomicFile Create(string path, long length)
    {
        var target = Resolve(path, out var exists);
        string? temporary = null;
        try
        {
            if (target is null)
            {
                // Shared: others may have the same device open.
                var direct = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
                return new AtomicFile(path, path, null, direct);
            }

            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Share = FileShare.None,
                PreallocationSize = length,
            };
            if (exists && !OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = File.GetUnixFileMode(target);
            }

            // A name of its own length: one made from the target's could be too long.
            temporary = Path.Join(Path.GetDirectoryName(target), $".torchkv-{Guid.NewGuid():N}.tmp");
            return new AtomicFile(path, target, temporary, new FileStream(temporary, options));
        }
        catch (Exception error) when (WriteErrors.IsWriteError(error))
        {
            throw Refusal(path, temporary, error);
        }
    }

    /// <summary>The file that a rename replaces; null where the path is to be written directly.</summary>
    private static string? Resolve(string path, out bool exists)
    {
        exists = false;
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new OutputFileException(path.Replace('\0', '\uFFFD'), "is no name of a file.");
        }

        var full = Path.GetFullPath(path);
        if (Directory.Exists(full) || Path.EndsInDirectorySeparator(full))
        {
            throw new OutputFileException(path, "is a folder; name a file.");
        }

        if (Path.GetDirectoryName(full) is { } folder && !Directory.Exists(folder))
        {
            throw new OutputFileException(path, $"cannot be written: there is no folder {folder}.");
        }

        var node = FileNode.Find(full);
        exists = node is not null;
        var isLink = new FileInfo(full).LinkTarget is not null;
        if (node is null)
        {
            return isLink ? null : full;
        }

        if (!node.Value.IsFile || IsSystemPath(full))
        {
            return null;
        }

        if (!isLink)
        {
            return full;
        }

        // Only the kernel follows every link; where .NET arrives elsewhere, the kernel is asked to write.
        var target = File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName;
        return target is not null && FileNode.Find(target) == node ? target : null;
    }

    /// <summary>
    /// Names such as /dev/stdout lead to files that a process has open: a rename would take the name away from it.
    /// </summary>
    private static bool IsSystemPath(string path) =>
        path.StartsWith("/proc/", StringComparison.Ordinal)
        || (path.StartsWith("/dev/", StringComparison.Ordinal)
            && !path.StartsWith("/dev/shm/", StringComparison.Ordinal));

    private OutputFileException Refusal(Exception error) => Refusal(_path, _temporary, error);

    // The system's message names the file that it was asked for; its user knows the other one.
    private static OutputFileException Refusal(string path, string? temporary, Exception error)
    {
        var reason = WriteErrors.Reason(error).Replace(temporary ?? path, path, StringComparison.Ordinal);
        return new OutputFileException(path, $"cannot be written: {reason}", error);
    }
}
