namespace TorchKv.Runtime.Files;

/// <summary>
/// The small text that git leaves in place of a large file where Git LFS is not installed
/// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
/// </summary>
internal static class GitLfsPointer
{
    /// <summary>The bytes of a file's beginning that tell a pointer.</summary>
    public const int PrefixBytes = 42;

    /// <summary>What is wrong with such a file, and what to do.</summary>
    public const string Reason =
        "is a Git LFS pointer, a small text in place of the file. Run \"git lfs install\" and \"git lfs pull\" "
        + "in the folder, or download the file itself.";

    /// <summary>Whether a file that begins with these bytes is a pointer.</summary>
    public static bool Begins(ReadOnlySpan<byte> start) =>
        start.StartsWith("version https://git-lfs.github.com/spec/v1"u8);
}
