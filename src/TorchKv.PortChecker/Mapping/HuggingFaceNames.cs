using System.Text.RegularExpressions;

namespace TorchKv.PortChecking.Mapping;

/// <summary>The names of HuggingFace's GPT-2 and those of the article's model, which TorchKv's port has too.</summary>
internal static partial class HuggingFaceNames
{
    /// <summary>
    /// Patterns of the names of <c>GPT2LMHeadModel</c> and of <c>GPT2Model</c>, and the port's names for them.
    /// </summary>
    public static IReadOnlyList<(string Pattern, IReadOnlyList<string>? Targets)> Gpt2 { get; } =
        [.. Rules("transformer."), .. Rules(""), ("transformer", ["final_norm"]), ("lm_head", ["out_head"])];

    /// <summary>
    /// What the names of a GPT-2's modules begin with: <c>transformer.</c> in <c>GPT2LMHeadModel</c>, nothing in
    /// <c>GPT2Model</c>, more where they are part of another module. Null where the names are not GPT-2's.
    /// </summary>
    public static string? Prefix(IEnumerable<string> modules) => modules.Select(name => Module().Match(name))
        .Where(match => match.Success).GroupBy(match => match.Groups[1].Value)
        .MaxBy(group => group.Count())?.Key;

    /// <summary>Patterns of the names that begin with a prefix, and the port's names for them.</summary>
    /// <param name="prefix">The prefix, with a dot at its end or empty.</param>
    public static IReadOnlyList<(string Pattern, IReadOnlyList<string>? Targets)> Rules(string prefix)
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

    [GeneratedRegex(@"^((?:.*\.)?)(?:wte|wpe|ln_f|h\.\d+(?:\.(?:ln_1|ln_2|attn|mlp)(?:\..*)?)?)$")]
    private static partial Regex Module();
}
