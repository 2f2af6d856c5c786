namespace TorchKv.Structured.Automata;

/// <summary>How a pattern relates to a text.</summary>
internal enum PatternMatch
{
    /// <summary>The pattern matches the whole text.</summary>
    Whole,

    /// <summary>The pattern matches somewhere in the text, as <c>pattern</c> in JSON Schema.</summary>
    Anywhere,
}
