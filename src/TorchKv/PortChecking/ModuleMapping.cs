using System.Text.Json;

namespace TorchKv.PortChecking;

/// <summary>
/// Which modules of the port answer for which of the original. A small JSON object: a pattern of the original's names on the left,
/// the port's name on the right, several names whose outputs are joined along the last dimension, or null for what is not compared.
/// </summary>
/// <remarks>
/// <c>*</c> stands for one part of a dotted name, <c>**</c> for any number of them; what they matched goes in for the stars on the
/// right, in order. The first pattern that fits counts; names that none fits are the same on both sides.
/// <code>
/// {
///   "transformer.h.*.attn.c_attn": ["trf_blocks.*.att.W_query", "trf_blocks.*.att.W_key", "trf_blocks.*.att.W_value"],
///   "transformer.h.*.mlp.dropout": null,
///   "lm_head": "out_head"
/// }
/// </code>
/// </remarks>
public sealed class ModuleMapping
{
    private const long LargestFile = 1 << 20;

    private readonly List<(string Pattern, IReadOnlyList<string>? Targets)> rules;

    private ModuleMapping(List<(string Pattern, IReadOnlyList<string>? Targets)> rules) => this.rules = rules;

    /// <summary>HuggingFace's names for GPT-2 (<c>GPT2LMHeadModel</c> and <c>GPT2Model</c>) to those of this library's modules.</summary>
    public static ModuleMapping HuggingFaceGpt2 { get; } = Gpt2();

    /// <summary>Reads a mapping from a file.</summary>
    /// <exception cref="TraceException">It cannot be read, or is none.</exception>
    public static ModuleMapping Load(string path)
    {
        try
        {
            var length = new FileInfo(path).Length;
            return length > LargestFile
                ? throw new TraceException($"{path} has {length:N0} bytes; a mapping may have {LargestFile:N0}.")
                : Parse(File.ReadAllText(path), path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new TraceException($"{path} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Reads a mapping from JSON.</summary>
    /// <exception cref="TraceException">It is none.</exception>
    public static ModuleMapping Parse(string json, string name = "the mapping")
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(json);
        }
        catch (JsonException error)
        {
            throw new TraceException($"{name} is not JSON: {error.Message}", error);
        }

        using (document)
        {
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new TraceException($"{name} must be a JSON object of the original's names and the port's.");
            }

            return new([.. document.RootElement.EnumerateObject().Select(rule => (rule.Name, Targets(rule)))]);
        }

        IReadOnlyList<string>? Targets(JsonProperty rule)
        {
            IReadOnlyList<string>? targets = rule.Value.ValueKind switch
            {
                JsonValueKind.Null => null,
                JsonValueKind.String => [rule.Value.GetString()!],
                JsonValueKind.Array when rule.Value.GetArrayLength() > 0 && rule.Value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
                    => [.. rule.Value.EnumerateArray().Select(item => item.GetString()!)],
                _ => throw new TraceException($"{name}: \"{rule.Name}\" must have a name, a list of names or null."),
            };
            var stars = Stars(rule.Name);
            return targets?.FirstOrDefault(target => Stars(target) > stars) is { } wrong
                ? throw new TraceException($"{name}: \"{wrong}\" has more stars than \"{rule.Name}\".")
                : targets;
        }

        static int Stars(string pattern) => pattern.Split('.').Count(part => part is "*" or "**");
    }

    /// <summary>A mapping of single names.</summary>
    internal static ModuleMapping FromPairs(IEnumerable<(string Original, string Port)> pairs) =>
        new([.. pairs.Select(pair => (pair.Original, (IReadOnlyList<string>?)[pair.Port]))]);

    /// <summary>The port's names for a module of the original: several to be joined, or none where it is not compared.</summary>
    public IReadOnlyList<string> Map(string original)
    {
        var parts = original.Split('.');
        foreach (var (pattern, targets) in rules)
        {
            var stars = new List<string>();
            if (!Fits(pattern.Split('.'), parts, stars))
            {
                continue;
            }

            return targets is null ? [] : [.. targets.Select(target => Fill(target, stars))];
        }

        return [original];
    }

    /// <summary>The mapping as JSON, one rule a line.</summary>
    public string ToJson() => "{\n" + string.Join(",\n", rules.Select(rule => $"  {Quote(rule.Pattern)}: " + rule.Targets switch
    {
        null => "null",
        [var one] => Quote(one),
        var several => "[" + string.Join(", ", several.Select(Quote)) + "]",
    })) + "\n}";

    private static string Quote(string text) => "\"" + JsonEncodedText.Encode(text) + "\"";

    private static bool Fits(ReadOnlySpan<string> pattern, ReadOnlySpan<string> parts, List<string> stars)
    {
        if (pattern.IsEmpty)
        {
            return parts.IsEmpty;
        }

        if (pattern[0] == "**")
        {
            for (var taken = 0; taken <= parts.Length; taken++)
            {
                var before = stars.Count;
                stars.Add(string.Join('.', parts[..taken].ToArray()));
                if (Fits(pattern[1..], parts[taken..], stars))
                {
                    return true;
                }

                stars.RemoveRange(before, stars.Count - before);
            }

            return false;
        }

        if (parts.IsEmpty || (pattern[0] != "*" && pattern[0] != parts[0]))
        {
            return false;
        }

        if (pattern[0] == "*")
        {
            stars.Add(parts[0]);
        }

        return Fits(pattern[1..], parts[1..], stars);
    }

    private static string Fill(string target, List<string> stars)
    {
        var next = 0;
        return string.Join('.', target.Split('.').Select(part => part is "*" or "**" ? stars[next++] : part).Where(part => part.Length > 0));
    }

    private static ModuleMapping Gpt2()
    {
        var rules = new List<(string, IReadOnlyList<string>?)>();
        foreach (var prefix in new[] { "transformer.", "" })
        {
            var block = prefix + "h.*";
            rules.AddRange(
            [
                (prefix + "wte", ["tok_emb"]), (prefix + "wpe", ["pos_emb"]), (prefix + "drop", ["drop_emb"]),
                (block + ".ln_1", ["trf_blocks.*.norm1"]), (block + ".ln_2", ["trf_blocks.*.norm2"]),
                (block + ".attn.c_attn", ["trf_blocks.*.att.W_query", "trf_blocks.*.att.W_key", "trf_blocks.*.att.W_value"]),
                (block + ".attn.attn_dropout", ["trf_blocks.*.att.dropout"]),
                (block + ".attn.c_proj", ["trf_blocks.*.att.out_proj"]),
                (block + ".attn.resid_dropout", ["trf_blocks.*.att"]),
                (block + ".attn", ["trf_blocks.*.att"]),
                (block + ".mlp.c_fc", ["trf_blocks.*.ff.layers.0"]), (block + ".mlp.act", ["trf_blocks.*.ff.layers.1"]),
                (block + ".mlp.c_proj", ["trf_blocks.*.ff.layers.2"]), (block + ".mlp.dropout", ["trf_blocks.*.ff"]),
                (block + ".mlp", ["trf_blocks.*.ff"]), (block, ["trf_blocks.*"]),
                (prefix + "ln_f", ["final_norm"]),
            ]);
        }

        rules.AddRange([("transformer", ["final_norm"]), ("lm_head", ["out_head"])]);
        return new(rules);
    }
}
