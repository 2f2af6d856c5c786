namespace TorchKv.Structured.Contracts;

/// <summary>The whitespace that a JSON constraint allows between the tokens of a value.</summary>
public enum JsonWhitespace
{
    /// <summary>None.</summary>
    Compact,

    /// <summary>At most one line break, then at most 16 blanks.</summary>
    Flexible,

    /// <summary>
    /// Any number of blanks, tabs and line breaks. A model may then write whitespace without end; this is for checking
    /// texts that are there already.
    /// </summary>
    Any,
}
