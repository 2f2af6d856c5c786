namespace TorchKv.PortChecking.Mapping;

/// <summary>Pairs modules whose names do not match, by the order and the shapes of their outputs.</summary>
internal static class MappingProposal
{
    private const int MostModules = 4000;

    /// <summary>
    /// The pairs of an alignment of both orders in which paired modules have equal shapes. Of all alignments it is the
    /// one with the most pairs, and with the most similar names.
    /// </summary>
    public static List<(string Original, string Port)> Align(
        IReadOnlyList<(string Module, int[] Shape)> original, IReadOnlyList<(string Module, int[] Shape)> port)
    {
        if (original.Count > MostModules || port.Count > MostModules)
        {
            return [];
        }

        // best[i, j] is the best score of original[i..] and port[j..].
        var best = new double[original.Count + 1, port.Count + 1];
        for (var i = original.Count - 1; i >= 0; i--)
        {
            for (var j = port.Count - 1; j >= 0; j--)
            {
                best[i, j] = Math.Max(best[i + 1, j], best[i, j + 1]);
                if (Score(original[i], port[j]) is > 0 and var score)
                {
                    best[i, j] = Math.Max(best[i, j], score + best[i + 1, j + 1]);
                }
            }
        }

        var pairs = new List<(string, string)>();
        for (int i = 0, j = 0; i < original.Count && j < port.Count;)
        {
            if (Score(original[i], port[j]) is > 0 and var score && best[i, j] == score + best[i + 1, j + 1])
            {
                pairs.Add((original[i++].Module, port[j++].Module));
            }
            else if (best[i, j] == best[i + 1, j])
            {
                i++;
            }
            else
            {
                j++;
            }
        }

        return pairs;
    }

    /// <summary>Rules for the pairs. Pairs that differ in their numbers only become one rule with a star.</summary>
    public static ModuleMapping Generalise(List<(string Original, string Port)> pairs)
    {
        var rules = new List<(string Original, string Port)>();
        foreach (var group in pairs.GroupBy(pair => (Star(pair.Original), Star(pair.Port))))
        {
            // For "h.0.mlp" → "blocks.0.ff" and "h.1.mlp" → "blocks.1.ff": both names have the same numbers.
            var isRegular = group.Count() > 1
                && group.All(pair => NumbersOf(pair.Original).SequenceEqual(NumbersOf(pair.Port)));
            rules.AddRange(isRegular ? [group.Key] : group.Where(pair => pair.Original != pair.Port));
        }

        return ModuleMapping.FromPairs(rules.Where(rule => rule.Original != rule.Port));
    }

    private static double Score((string Module, int[] Shape) original, (string Module, int[] Shape) port)
    {
        if (!original.Shape.AsSpan().TrimStart(1).SequenceEqual(port.Shape.AsSpan().TrimStart(1)))
        {
            return 0;
        }

        var score = 1.0;
        score += NumbersOf(original.Module).SequenceEqual(NumbersOf(port.Module)) ? 0.5 : 0;
        var (a, b) = (LastWord(original.Module), LastWord(port.Module));
        score += a == b ? 0.5 : LongestCommonText(a, b) >= 3 ? 0.2 : 0;

        // Names of equal depth are likelier to be both containers or both leaves.
        score += original.Module.Count(c => c == '.') == port.Module.Count(c => c == '.') ? 0.1 : 0;
        return score;
    }

    private static int LongestCommonText(string a, string b)
    {
        for (var length = Math.Min(a.Length, b.Length); length > 0; length--)
        {
            for (var start = 0; start + length <= a.Length; start++)
            {
                if (b.Contains(a.Substring(start, length), StringComparison.OrdinalIgnoreCase))
                {
                    return length;
                }
            }
        }

        return 0;
    }

    // The last part that is not a number; the whole name where all are, as in a Sequential.
    private static string LastWord(string name) => name.Split('.').LastOrDefault(part => !IsNumber(part), name);

    private static IEnumerable<string> NumbersOf(string name) => name.Split('.').Where(IsNumber);

    private static string Star(string name) =>
        string.Join('.', name.Split('.').Select(part => IsNumber(part) ? "*" : part));

    private static bool IsNumber(string part) => part.Length > 0 && part.All(char.IsAsciiDigit);
}
