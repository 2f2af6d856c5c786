namespace TorchKv.Runtime.Files;

/// <summary>Tells which exceptions mean that the system refused to write.</summary>
internal static class WriteErrors
{
    /// <summary>
    /// Whether the system refused to write: the disk is full, a permission is missing, a file would be too large.
    /// </summary>
    public static bool IsWriteError(Exception error) =>
        error is IOException or UnauthorizedAccessException || IsTooLarge(error);

    /// <summary>Why the system refused, in words for a user.</summary>
    public static string Reason(Exception error) =>
        IsTooLarge(error) ? "the file would be larger than the system allows (see ulimit -f)." : error.Message;

    // .NET's exception for the system's error EFBIG, whatever was written
    private static bool IsTooLarge(Exception error) => error is ArgumentOutOfRangeException { ParamName: "value" };
}
