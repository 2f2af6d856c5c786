namespace TorchKv.Runtime.Files;

/// <summary>Puts the JSON reader's errors into messages.</summary>
internal static class JsonErrors
{
    private const int MostStart = 120;
    private const int MostEnd = 80;

    /// <summary>
    /// The reader's message, without its middle where it is long: the reader repeats a wrong literal, which may be as
    /// long as the file, before it says where the literal is.
    /// </summary>
    public static string Describe(Exception error)
    {
        var message = error.Message;
        return message.Length <= MostStart + MostEnd
            ? message
            : $"{message.AsSpan(0, MostStart)}…{message.AsSpan(message.Length - MostEnd)}";
    }
}
