namespace TorchKv.Structured.Json.Numbers;

/// <summary>
/// Follows the digits of a number without its sign, from the left, in a finite number of states. Two kinds: one for the
/// order against a bound, one for the remainder of a division.
/// </summary>
internal interface INumberTracker
{
    /// <summary>The state before the first digit.</summary>
    int Start { get; }

    /// <summary>The state after a digit before the point.</summary>
    int Integer(int state, int digit);

    /// <summary>The state after the last digit before the point.</summary>
    int Point(int state);

    /// <summary>The state after a digit behind the point.</summary>
    int Fraction(int state, int digit);
}
