using System.Globalization;
using TorchKv.Runtime.Configuration;

namespace TorchKv.Runtime.Checkpoints;

/// <summary>The names and shapes of the tensors in a checkpoint (HuggingFace <c>GPT2LMHeadModel</c>).</summary>
internal static class Gpt2Tensors
{
    /// <summary>The beginning of all names but the head's; a file saved from <c>GPT2Model</c> leaves it out.</summary>
    public const string Prefix = "transformer.";

    /// <summary>The token embedding, (vocabulary, width).</summary>
    public const string TokenEmbedding = "transformer.wte.weight";

    /// <summary>
    /// The output head, (vocabulary, width); a head that is tied to the token embedding is not stored.
    /// </summary>
    public const string Head = "lm_head.weight";

    /// <summary>
    /// The parameters in the model's order: embeddings, blocks, final norm and, where it is not tied, the head.
    /// </summary>
    public static IEnumerable<Gpt2Parameter> Parameters(Gpt2Config config)
    {
        long width = config.EmbeddingSize, inner = config.InnerSize;
        yield return new(TokenEmbedding, [config.VocabSize, width]);
        yield return new("transformer.wpe.weight", [config.ContextLength, width]);
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            var block = string.Create(CultureInfo.InvariantCulture, $"transformer.h.{layer}.");
            yield return new(block + "ln_1.weight", [width]);
            yield return new(block + "ln_1.bias", [width]);
            yield return new(block + "attn.c_attn.weight", [width, 3 * width]);
            yield return new(block + "attn.c_attn.bias", [3 * width]);
            yield return new(block + "attn.c_proj.weight", [width, width]);
            yield return new(block + "attn.c_proj.bias", [width]);
            yield return new(block + "ln_2.weight", [width]);
            yield return new(block + "ln_2.bias", [width]);
            yield return new(block + "mlp.c_fc.weight", [width, inner]);
            yield return new(block + "mlp.c_fc.bias", [inner]);
            yield return new(block + "mlp.c_proj.weight", [inner, width]);
            yield return new(block + "mlp.c_proj.bias", [width]);
        }

        yield return new("transformer.ln_f.weight", [width]);
        yield return new("transformer.ln_f.bias", [width]);
        if (!config.TieWordEmbeddings)
        {
            yield return new(Head, [config.VocabSize, width]);
        }
    }

    /// <summary>The name with <see cref="Prefix"/>, for a name with or without it.</summary>
    public static string Canonical(string name) =>
        name == Head || name.StartsWith(Prefix, StringComparison.Ordinal) ? name : Prefix + name;

    /// <summary>
    /// Whether a canonical name is that of a mask buffer, which older versions of HuggingFace stored:
    /// <c>transformer.h.L.attn.bias</c>, <c>.masked_bias</c>.
    /// </summary>
    public static bool IsMaskBuffer(string canonicalName) =>
        InBlock(canonicalName) is "attn.bias" or "attn.masked_bias";

    /// <summary>
    /// Whether a name belongs to a module that <c>GPT2LMHeadModel</c> does not have, so that HuggingFace ignores it:
    /// another head (<c>v_head.</c>, <c>score.</c>, <c>multiple_choice_head.</c>) or cross-attention. Any other unknown
    /// name within the transformer or its head would change what the model computes, and is not ignored.
    /// </summary>
    /// <param name="name">The name in the file.</param>
    public static bool IsIgnored(string name)
    {
        var block = InBlock(Canonical(name));
        if (block.StartsWith("crossattention.") || block.StartsWith("ln_cross_attn."))
        {
            return true;
        }

        var dot = name.IndexOf('.');
        var module = name.AsSpan(0, dot < 0 ? name.Length : dot);
        return module is not ("transformer" or "wte" or "wpe" or "h" or "ln_f" or "lm_head");
    }

    /// <summary>
    /// The part of a canonical name within a block: after <c>transformer.h.L.</c>; empty for any other name.
    /// </summary>
    private static ReadOnlySpan<char> InBlock(string canonicalName)
    {
        const string block = Prefix + "h.";
        if (!canonicalName.StartsWith(block, StringComparison.Ordinal))
        {
            return [];
        }

        var rest = canonicalName.AsSpan(block.Length);
        var digits = rest.IndexOfAnyExceptInRange('0', '9');
        return digits > 0 && rest[digits] == '.' ? rest[(digits + 1)..] : [];
    }
}
