using System.Text.Json;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Mapping;

/// <summary>
/// The names of the port's modules for those of the original. As JSON it is an object whose names are patterns of the
/// original's names. A value is the port's name, a list of names whose outputs are joined along the last dimension, or
/// null for a module that is not compared.
/// </summary>
/// <remarks>
/// <c>*</c> stands for one part of a dotted name and <c>**</c> for any number of parts. The text that a star matched
/// replaces the star in the same place on the right. The first pattern that matches is used. A name that no pattern
/// matches is the same on both sides.
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

    private readonly IReadOnlyList<(string Pattern, IReadOnlyList<string>? Targets)> _rules;

    private ModuleMapping(IReadOnlyList<(string Pattern, IReadOnlyList<string>? Targets)> rules) => _rules = rules;

    /// <summary>
    /// HuggingFace's names for GPT-2 (<c>GPT2LMHeadModel</c> and <c>GPT2Model</c>) to those of TorchKv's port.
    /// </summary>
    public static ModuleMapping HuggingFaceGpt2 { get; } = new(HuggingFaceNames.Gpt2);

    /// <summary>The same names on both sides.</summary>
    internal static ModuleMapping Identity { get; } = new([]);

    /// <summary>Reads a mapping from a file.</summary>
    /// <exception cref="TraceException">The file cannot be read, is longer than 1 MiB, or is not a mapping.</exception>
    public static ModuleMapping Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0)
        {
            throw new TraceException("'' is no name of a file.");
        }

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
    /// <param name="json">The mapping.</param>
    /// <param name="name">The name for messages.</param>
    /// <exception cref="TraceException">The text is not a mapping.</exception>
    public static ModuleMapping Parse(string json, string name = "the mapping")
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new([.. document.RootElement.EnumerateObject().Select(rule => (rule.Name, Targets(rule, name)))])
                : throw new TraceException($"{name} must be a JSON object of the original's names and the port's.");
        }
        catch (JsonException error)
        {
            throw new TraceException($"{name} is not JSON: {error.Message}", error);
        }
    }

    /// <summary>
    /// The port's names for a module of the original: several to be joined, or none if it is not compared.
    /// </summary>
    public IReadOnlyList<string> Map(string original)
    {
        var parts = original.Split('.');
        foreach (var (pattern, targets) in _rules)
        {
            var stars = new List<string>();
            if (Matches(pattern.Split('.'), parts, stars))
            {
                return targets is null ? [] : [.. targets.Select(target => Fill(target, stars))];
            }
        }

        return [original];
    }

    /// <summary>The mapping as JSON, one rule a line.</summary>
    public string ToJson() => "{\n" + string.Join(",\n", _rules.Select(RuleText)) + "\n}";

    /// <summary>Whether a pattern matches a name.</summary>
    internal bool Maps(string original)
    {
        var parts = original.Split('.');
        return _rules.Any(rule => Matches(rule.Pattern.Split('.'), parts, []));
    }

    /// <summary>A mapping of patterns and names.</summary>
    internal static ModuleMapping FromRules(IReadOnlyList<(string Pattern, IReadOnlyList<string>? Targets)> rules) =>
        new(rules);

    /// <summary>A mapping of single names.</summary>
    internal static ModuleMapping FromPairs(IEnumerable<(string Original, string Port)> pairs) =>
        new([.. pairs.Select(pair => (pair.Original, (IReadOnlyList<string>?)[pair.Port]))]);

    private static string RuleText((string Pattern, IReadOnlyList<string>? Targets) rule)
    {
        var targets = rule.Targets switch
        {
            null => "null",
            [var one] => Quote(one),
            var several => "[" + string.Join(", ", several.Select(Quote)) + "]",
        };
        return $"  {Quote(rule.Pattern)}: {targets}";
    }

    private static string Quote(string text) => "\"" + JsonEncodedText.Encode(text) + "\"";

    private static IReadOnlyList<string>? Targets(JsonProperty rule, string name)
    {
        var value = rule.Value;
        IReadOnlyList<string>? targets = value.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.String => [value.GetString()!],
            JsonValueKind.Array when value.GetArrayLength() > 0
                && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
                => [.. value.EnumerateArray().Select(item => item.GetString()!)],
            _ => throw new TraceException($"{name}: \"{rule.Name}\" must have a name, a list of names or null."),
        };
        var stars = Stars(rule.Name);
        return targets?.FirstOrDefault(target => Stars(target) > stars) is { } wrong
            ? throw new TraceException($"{name}: \"{wrong}\" has more stars than \"{rule.Name}\".")
            : targets;
    }

    private static int Stars(string pattern) => pattern.Split('.').Count(part => part is "*" or "**");

    private static bool Matches(ReadOnlySpan<string> pattern, ReadOnlySpan<string> parts, List<string> stars)
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
                if (Matches(pattern[1..], parts[taken..], stars))
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

        return Matches(pattern[1..], parts[1..], stars);
    }

    private static string Fill(string target, List<string> stars)
    {
        var next = 0;
        var parts = target.Split('.').Select(part => part is "*" or "**" ? stars[next++] : part);
        return string.Join('.', parts.Where(part => part.Length > 0));
    }
}
