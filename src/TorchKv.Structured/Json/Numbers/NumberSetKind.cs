namespace TorchKv.Structured.Json.Numbers;

/// <summary>What a <see cref="NumberSet"/> is.</summary>
internal enum NumberSetKind
{
    /// <summary>Every number.</summary>
    All,

    /// <summary>No number.</summary>
    None,

    /// <summary>The numbers ≥ a bound.</summary>
    AtLeast,

    /// <summary>The numbers &gt; a bound.</summary>
    Above,

    /// <summary>The whole multiples of a divisor.</summary>
    MultiplesOf,

    /// <summary>A list.</summary>
    Values,

    /// <summary>What is not in a set.</summary>
    Not,

    /// <summary>What is in both of two sets.</summary>
    And,

    /// <summary>What is in one of two sets.</summary>
    Or,
}
