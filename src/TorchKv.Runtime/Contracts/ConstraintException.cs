namespace TorchKv.Runtime.Contracts;

/// <summary>
/// A <see cref="TokenConstraint"/> is wrong, uses something that is not supported, or exceeds a limit. The message
/// names the place, the keyword and the limit.
/// </summary>
public sealed class ConstraintException : TorchKvException
{
    /// <summary>An exception with a message.</summary>
    /// <param name="message">What is wrong, and what would be right.</param>
    /// <param name="pointer">Where: a JSON pointer into a schema, or a line of a grammar; null: no one place.</param>
    /// <param name="keyword">The keyword or construct that is at fault; null: none.</param>
    public ConstraintException(string message, string? pointer = null, string? keyword = null)
        : base(message)
    {
        Pointer = pointer;
        Keyword = keyword;
    }

    /// <summary>Where: a JSON pointer into a schema, or a line of a grammar; null: no one place.</summary>
    public string? Pointer { get; }

    /// <summary>The keyword or construct that is at fault; null: none.</summary>
    public string? Keyword { get; }
}
