namespace TorchKv.Runtime.Model;

/// <summary>A runner that gives its keys and values as numbers, to look at or to compare.</summary>
public interface IKvReader
{
    /// <summary>Gives one layer's keys and values of a sequence's first tokens as float32.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="blockTable">The sequence's blocks in order.</param>
    /// <param name="tokens">How many tokens; the blocks hold as many.</param>
    /// <param name="keys">Receives (heads, tokens, head_dim).</param>
    /// <param name="values">Receives (heads, tokens, head_dim).</param>
    /// <exception cref="ArgumentException">There is no such layer or block, or a span has another length.</exception>
    void ReadKeysAndValues(int layer, ReadOnlySpan<int> blockTable, int tokens, Span<float> keys, Span<float> values);
}
