namespace TorchKv.PortChecking.Mapping;

/// <summary>The names of HuggingFace's GPT-2 and those of the article's model, which TorchKv's port has too.</summary>
internal static class HuggingFaceNames
{
    /// <summary>Patterns of HuggingFace's names and the port's names for them.</summary>
    public static IReadOnlyList<(string Pattern, IReadOnlyList<string>? Targets)> Gpt2 { get; } =
        [.. Model("transformer."), .. Model(""), ("transformer", ["final_norm"]), ("lm_head", ["out_head"])];

    // GPT2LMHeadModel has a prefix, GPT2Model has none.
    private static IEnumerable<(string Pattern, IReadOnlyList<string>? Targets)> Model(string prefix)
    {
        var block = prefix + "h.*";
        return
        [
            (prefix + "wte", ["tok_emb"]),
            (prefix + "wpe", ["pos_emb"]),
            (prefix + "drop", ["drop_emb"]),
            (block + ".ln_1", ["trf_blocks.*.norm1"]),
            (block + ".ln_2", ["trf_blocks.*.norm2"]),
            (block + ".attn.c_attn",
                ["trf_blocks.*.att.W_query", "trf_blocks.*.att.W_key", "trf_blocks.*.att.W_value"]),
            (block + ".attn.attn_dropout", ["trf_blocks.*.att.dropout"]),
            (block + ".attn.c_proj", ["trf_blocks.*.att.out_proj"]),
            (block + ".attn.resid_dropout", ["trf_blocks.*.att"]),
            (block + ".attn", ["trf_blocks.*.att"]),
            (block + ".mlp.c_fc", ["trf_blocks.*.ff.layers.0"]),
            (block + ".mlp.act", ["trf_blocks.*.ff.layers.1"]),
            (block + ".mlp.c_proj", ["trf_blocks.*.ff.layers.2"]),
            (block + ".mlp.dropout", ["trf_blocks.*.ff"]),
            (block + ".mlp", ["trf_blocks.*.ff"]),
            (block, ["trf_blocks.*"]),
            (prefix + "ln_f", ["final_norm"]),
        ];
    }
}
