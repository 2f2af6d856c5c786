namespace TorchKv.PortChecking.Mapping;

/// <summary>Which modules may belong together when names say nothing: an alignment of both orders that pairs equal shapes.</summary>
internal static class MappingProposal
{
    private const int MostModules = 4000;

    /// <summary>Pairs of names, in the order of execution; the longest common order of equal shapes, likelier names first.</summary>
    public static List<(string Original, string Port)> Align(
        IReadOnlyList<(string Module, int[] Shape)> original, IReadOnlyList<(string Module, int[] Shape)> port)
    {
        if (original.Count > MostModules || port.Count > MostModules)
        {
            return [];
        }

        // best[i, j]: the most that original[i..] and port[j..] can score.
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

    /// <summary>Pairs that differ in their numbers only are said once, with a star.</summary>
    public static ModuleMapping Generalise(List<(string Original, string Port)> pairs)
    {
        var rules = new List<(string Original, string Port)>();
        foreach (var group in pairs.GroupBy(pair => (Star(pair.Original), Star(pair.Port))))
        {
            // "h.0.mlp" → "blocks.0.ff", "h.1.mlp" → "blocks.1.ff": the numbers must be the same ones, in the same order.
            var regular = group.Count() > 1 && group.All(pair => NumbersOf(pair.Original).SequenceEqual(NumbersOf(pair.Port)));
            rules.AddRange(regular ? [group.Key] : group.Where(pair => pair.Original != pair.Port));
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
        var (a, b) = (Last(original.Module), Last(port.Module));
        score += a == b ? 0.5 : Common(a, b) >= 3 ? 0.2 : 0;

        // A container stands for a container, a leaf for a leaf, as far as the depth of the name tells.
        score += original.Module.Count(c => c == '.') == port.Module.Count(c => c == '.') ? 0.1 : 0;
        return score;
    }

    private static int Common(string a, string b)
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

    private static string Last(string name) => name.Split('.').Last(part => !part.All(char.IsAsciiDigit) || !name.Contains('.'));

    private static IEnumerable<string> NumbersOf(string name) => name.Split('.').Where(part => part.Length > 0 && part.All(char.IsAsciiDigit));

    private static string Star(string name) => string.Join('.', name.Split('.').Select(part => part.Length > 0 && part.All(char.IsAsciiDigit) ? "*" : part));
}
