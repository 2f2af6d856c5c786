using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>
/// Which keys a query must not see, from absolute positions. Made once a step, before the first layer, so that no
/// layer sees a length that another has advanced, and never kept: there is no context² buffer.
/// </summary>
public static class CausalMask
{
    /// <summary>
    /// A mask for <paramref name="num_tokens"/> queries at <paramref name="past"/> and after, over the keys from 0 to
    /// the last query.
    /// </summary>
    /// <param name="past">Tokens before the first query.</param>
    /// <param name="num_tokens">Queries.</param>
    /// <param name="window">How many keys, itself included, a query sees at most; null: all before it.</param>
    /// <param name="attention_mask">(b, past + num_tokens), zero where a token is padding; null: none is.</param>
    /// <param name="device">Where the mask is made.</param>
    /// <returns>
    /// True where a query must not see a key: (num_tokens, past + num_tokens), or with an attention mask
    /// (b, 1, num_tokens or 1, past + num_tokens); null where every query sees every key that a cache gives back.
    /// </returns>
    public static Tensor? make(long past, long num_tokens, long? window, Tensor? attention_mask, Device device)
    {
        using var scope = NewDisposeScope();
        var padding = attention_mask?.eq(0).unsqueeze(1).unsqueeze(1);      // (b, 1, 1, keys)

        // One token sees all that came before it, and a windowed cache gives back no more than the window
        if (num_tokens == 1)
        {
            return padding?.MoveToOuterDisposeScope();
        }

        // Query i stands at past + i: key j is in its future where j - i > past, and behind its window where j - i <=
        // past - window
        var all = ones(num_tokens, past + num_tokens, dtype: ScalarType.Bool, device: device);
        var mask = all.triu(diagonal: past + 1);                            // (num_tokens, keys)
        if (window < past + num_tokens)
        {
            mask = mask.bitwise_or(all.tril(diagonal: past - window.Value));
        }

        return (padding is null ? mask : mask.bitwise_or(padding)).MoveToOuterDisposeScope();
    }
}
