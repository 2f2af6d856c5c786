using TorchKv.Runtime.Contracts;

namespace TorchKv.Structured.Masks;

/// <summary>Counts the steps through the tries that one mask takes.</summary>
/// <param name="limit">The most steps.</param>
internal sealed class MaskSteps(int limit)
{
    private int _taken;

    /// <summary>Begins a mask.</summary>
    public void Restart() => _taken = 0;

    /// <summary>Counts steps.</summary>
    /// <exception cref="ConstraintException">The mask takes too many.</exception>
    public void Add(int steps)
    {
        _taken += steps;
        if (_taken > limit)
        {
            throw new ConstraintException(
                $"The constraint is too complex: one mask takes more than {limit} steps through the vocabulary.",
                keyword: "mask steps");
        }
    }
}
