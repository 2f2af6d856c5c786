using System.Runtime.InteropServices;

namespace TorchKv.Runtime.Files;

/// <summary>What a path leads to: .NET tells folders from files, but not files from devices and pipes.</summary>
/// <param name="IsFile">Whether it is an ordinary file.</param>
/// <param name="Device">The file system's number; 0 where it is not known.</param>
/// <param name="Number">The file's number in it; 0 where it is not known.</param>
internal readonly partial record struct FileNode(bool IsFile, ulong Device, ulong Number)
{
    private const int CurrentFolder = -100;
    private const uint TypeAndNumber = 0x101;
    private const int TypeMask = 0xF000;
    private const int RegularFile = 0x8000;

    /// <summary>What is there, symbolic links followed; null where nothing is.</summary>
    public static FileNode? Find(string path)
    {
        if (OperatingSystem.IsLinux())
        {
            try
            {
                return FindOnLinux(path);
            }
            catch (EntryPointNotFoundException)
            {
                // A C library older than statx.
            }
        }

        var file = new FileInfo(path);
        if (!file.Exists)
        {
            return null;
        }

        // Devices and pipes have no length. An empty file counts as one of them: nothing in it can be lost.
        return new FileNode(
            OperatingSystem.IsWindows()
                ? !file.FullName.StartsWith(@"\\.\", StringComparison.Ordinal)
                : file.Length > 0,
            0,
            0);
    }

    private static unsafe FileNode? FindOnLinux(string path)
    {
        // struct statx, whose layout is the same on every architecture: mode at 28, inode at 32, device at 136.
        var bytes = stackalloc byte[256];
        if (statx(CurrentFolder, path, 0, TypeAndNumber, bytes) != 0)
        {
            return null;
        }

        var node = new ReadOnlySpan<byte>(bytes, 256);
        var mode = MemoryMarshal.Read<ushort>(node[28..]);
        return new FileNode(
            (mode & TypeMask) == RegularFile,
            MemoryMarshal.Read<ulong>(node[136..]), MemoryMarshal.Read<ulong>(node[32..]));
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int statx(int folder, string path, int flags, uint mask, byte* node);
}
