using TorchKv.Structured.Automata;
using TorchKv.Structured.Json.Documents;

namespace TorchKv.Structured.Json.Texts;

/// <summary>
/// The formats of the standard as patterns. A pattern allows no string that breaks the format's rules; where the rules
/// go beyond a pattern it allows a little less than they do.
/// </summary>
internal sealed class StringFormats(JsonText texts)
{
    // The year 0000 is none to most readers.
    private const string Date =
        "(?:(?:\\d{3}[1-9]|\\d{2}[1-9]0|\\d[1-9]00|[1-9]000)"
        + "-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)"
        + "|02-(?:0[1-9]|1\\d|2[0-8]))|(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])"
        + "|(?:0[48]|[2468][048]|[13579][26])00)-02-29)";

    private const string Time =
        "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d+)?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)";

    // Leap seconds are allowed where they are in UTC: at 23:59:60 Z.
    private const string LeapTime = "23:59:60(?:\\.\\d+)?(?:[Zz]|[+-]00:00)";

    private const string Duration =
        "P(?:\\d+W|(?:\\d+Y(?:\\d+M(?:\\d+D)?)?|\\d+M(?:\\d+D)?|\\d+D)"
        + "(?:T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S))?"
        + "|T(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S))";

    private const string Label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";

    private const string Percent = "%[0-9A-Fa-f]{2}";

    private const string PathCharacter = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|" + Percent + ")";

    private const string Port = "(?::(?:[1-5]\\d{4}|6[0-4]\\d{3}|\\d{1,4}))?";

    private const string Tail =
        "(?:\\?(?:" + PathCharacter + "|[/?])*)?(?:#(?:" + PathCharacter + "|[/?])*)?";

    private const string PointerPart = "(?:/(?:[^/~]|~[01])*)*";

    private static readonly string s_octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";

    private static readonly string s_ipv4 = $"(?:{s_octet}\\.){{3}}{s_octet}";

    private static readonly string s_ipv6 = Ipv6();

    private static readonly string s_authority =
        $"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|{Percent})+(?::(?:[A-Za-z0-9._~!$&'()*+,;=-]|{Percent})*)?@)?"
        + $"(?:\\[{s_ipv6}\\]|{s_ipv4}|(?:{Label}\\.){{0,7}}[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?\\.?){Port}";

    private static readonly Dictionary<string, string> s_patterns = new(StringComparer.Ordinal)
    {
        ["date"] = Date,
        ["time"] = $"(?:{Time}|{LeapTime})",
        ["date-time"] = $"{Date}[Tt](?:{Time}|{LeapTime})",
        ["duration"] = Duration,
        ["email"] = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
            + $"(?:(?:{Label}\\.){{1,7}}[A-Za-z]{{2,24}}|\\[{s_ipv4}\\]|\\[IPv6:{s_ipv6}\\])",
        ["hostname"] = $"(?:{Labels(4, 63)}|{Labels(8, 30)}|{Labels(16, 14)})",
        ["ipv4"] = s_ipv4,
        ["ipv6"] = s_ipv6,
        ["uuid"] = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
        ["uri"] = $"[A-Za-z][A-Za-z0-9+.-]+:(?://{s_authority}(?:/{PathCharacter}*)*"
            + $"|/(?:{PathCharacter}+(?:/{PathCharacter}*)*)?|{PathCharacter}+(?:/{PathCharacter}*)*)?{Tail}",
        ["json-pointer"] = PointerPart,
        ["relative-json-pointer"] = "(?:0|[1-9]\\d*)(?:#|" + PointerPart + ")",
    };

    // Formats of the standard whose rules no pattern here holds.
    private static readonly HashSet<string> s_unsupported =
        ["idn-email", "idn-hostname", "iri", "iri-reference", "uri-reference", "uri-template", "regex"];

    private readonly Dictionary<string, RegexNode> _known = new(StringComparer.Ordinal);

    /// <summary>The strings of a format, as JSON text without the quotes; null: the format asserts nothing.</summary>
    /// <exception cref="Runtime.Contracts.ConstraintException">The format asserts something that is not
    /// supported.</exception>
    public RegexNode? Find(SchemaNode node, string format)
    {
        if (_known.TryGetValue(format, out RegexNode? known))
        {
            return known;
        }

        if (s_unsupported.Contains(format))
        {
            throw SchemaErrors.Unsupported(
                node.Pointer, "format", $"the format \"{format}\". Supported: {string.Join(", ", s_patterns.Keys)}.");
        }

        if (!s_patterns.TryGetValue(format, out string? pattern))
        {
            return null;
        }

        var compiler = new Pattern(texts.Regexes, texts.Character);
        RegexNode expression = compiler.Compile(pattern, PatternMatch.Whole);
        if (format == "email")
        {
            // RFC 5321: at most 64 characters before the @, and 254 in all.
            expression = texts.Regexes.And(
                expression, compiler.Compile("[^@]{1,64}@[^@]{1,189}", PatternMatch.Whole));
        }

        if (format == "hostname")
        {
            // "--" in the third and fourth place would be an encoded name.
            RegexNode encoded = compiler.Compile("(?:^|\\.)[A-Za-z0-9-]{2}--", PatternMatch.Anywhere);
            expression = texts.Regexes.And(expression, texts.Not(encoded));
        }

        _known.Add(format, expression);
        return expression;
    }

    // Few long labels or more short ones: at most 253 characters in all.
    private static string Labels(int count, int length)
    {
        string label = $"[A-Za-z0-9](?:[A-Za-z0-9-]{{0,{length - 2}}}[A-Za-z0-9])?";
        return $"{label}(?:\\.{label}){{0,{count - 1}}}";
    }

    private static string Ipv6()
    {
        const string group = "[0-9A-Fa-f]{1,4}";
        string last = $"(?:{group}:{group}|{s_ipv4})";
        var forms = new List<string> { $"(?:{group}:){{6}}{last}" };

        // "::" stands for one group of zeros or more: so many groups are before it, and so many behind it.
        for (int before = 0; before <= 7; before++)
        {
            string left = before == 0 ? "" : $"(?:{group}:){{{before - 1}}}{group}";
            forms.Add(left + "::");
            for (int after = 1; after + before <= 7; after++)
            {
                forms.Add($"{left}::(?:{group}:){{{after - 1}}}{group}");
                if (after >= 2)
                {
                    forms.Add($"{left}::(?:{group}:){{{after - 2}}}{s_ipv4}");
                }
            }
        }

        return $"(?:{string.Join('|', forms)})";
    }
}
