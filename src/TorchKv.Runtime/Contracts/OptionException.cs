namespace TorchKv.Runtime.Contracts;

/// <summary>
/// An option has a value that it cannot have; the message names the option, the value and the limits.
/// </summary>
public sealed class OptionException : TorchKvException
{
    /// <summary>A refusal.</summary>
    /// <param name="option">The option's name, as HuggingFace and the command line have it: <c>top_p</c>.</param>
    /// <param name="value">The value that was given.</param>
    /// <param name="limits">What the value may be, as a phrase: "above 0 and at most 1".</param>
    public OptionException(string option, string value, string limits)
        : base($"{option} is {value}, but must be {limits}.")
    {
        Option = option;
        Value = value;
        Limits = limits;
    }

    /// <summary>The option's name.</summary>
    public string Option { get; }

    /// <summary>The value that was given.</summary>
    public string Value { get; }

    /// <summary>What the value may be.</summary>
    public string Limits { get; }
}
