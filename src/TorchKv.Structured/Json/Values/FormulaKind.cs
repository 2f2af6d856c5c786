namespace TorchKv.Structured.Json.Values;

/// <summary>What a <see cref="Formula"/> is.</summary>
internal enum FormulaKind
{
    /// <summary>Every JSON value.</summary>
    All,

    /// <summary>No value.</summary>
    None,

    /// <summary>What a schema of the document allows.</summary>
    Schema,

    /// <summary>A set of values that is known already.</summary>
    Values,

    /// <summary>What all parts allow.</summary>
    And,

    /// <summary>What one of the parts allows.</summary>
    Or,

    /// <summary>What the part does not allow.</summary>
    Not,
}
