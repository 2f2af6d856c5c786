using System.Globalization;
using System.Text;
using TorchKv.Runtime.Contracts.Live;
using TorchKv.Runtime.Text;

namespace TorchKv.Server.Live;

/// <summary>Texts of tokens, for a reader's eyes: bytes that are no character by themselves show as �.</summary>
internal static class LiveTexts
{
    /// <summary>The text of each token.</summary>
    public static string[] Of(Gpt2Tokenizer tokenizer, IReadOnlyList<int> tokens) =>
        [.. tokens.Select(id => Encoding.UTF8.GetString(tokenizer.TokenBytes(id)))];

    /// <summary>The texts of the blocks that come with tokens, by number; null where none does.</summary>
    public static Dictionary<string, string[]>? Of(Gpt2Tokenizer tokenizer, IReadOnlyList<LiveBlock> blocks)
    {
        Dictionary<string, string[]>? texts = null;
        foreach (var block in blocks)
        {
            if (block.Tokens is { } tokens)
            {
                texts ??= [];
                texts[block.Index.ToString(CultureInfo.InvariantCulture)] = Of(tokenizer, tokens);
            }
        }

        return texts;
    }
}
