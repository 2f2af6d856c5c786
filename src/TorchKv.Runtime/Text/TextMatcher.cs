using System.Buffers;

namespace TorchKv.Runtime.Text;

/// <summary>
/// Finds any of many search texts in a text: from the left, the longest of those that begin at one place, without
/// overlap. The work grows with the length of the text and hardly with the number of search texts.
/// </summary>
/// <remarks>
/// An automaton of Aho and Corasick over the reversed search texts reads the text from its end to its beginning. Its
/// state at a place tells the longest search text that begins there. A pass from the left then takes the first match,
/// and the next after its end. An automaton that reads forwards would read the text after each match again. Any number
/// of threads may use one.
/// </remarks>
internal sealed class TextMatcher
{
    private readonly int[] _lengths;

    // The trie in breadth-first order: the children of node i are _firstChild[i] … _firstChild[i + 1] − 1, sorted.
    private readonly char[] _labels;
    private readonly int[] _firstChild;

    // By node: the node of its longest proper suffix, and the longest search text that is a suffix of it (−1: none).
    private readonly int[] _suffix;
    private readonly int[] _longest;
    private readonly SearchValues<char> _last;

    /// <param name="texts">The texts, each at least one code unit and given once.</param>
    public TextMatcher(IReadOnlyList<string> texts)
    {
        _lengths = [.. texts.Select(text => text.Length)];
        var backwards = new string[texts.Count];
        var order = new int[texts.Count];
        for (var i = 0; i < texts.Count; i++)
        {
            backwards[i] = string.Create(texts[i].Length, texts[i], static (to, from) =>
            {
                from.CopyTo(to);
                to.Reverse();
            });
            order[i] = i;
        }

        Array.Sort(backwards, order, StringComparer.Ordinal);
        (_labels, _firstChild, _longest) = MakeTrie(backwards, order);
        _suffix = new int[_labels.Length];
        LinkSuffixes();
        _last = SearchValues.Create(_labels.AsSpan(_firstChild[0].._firstChild[1]));
    }

    /// <summary>The matches in a text, from left to right.</summary>
    public List<TextMatch> Find(ReadOnlySpan<char> text)
    {
        var steps = 0L;
        return Find(text, ref steps);
    }

    /// <summary>The matches in a text; <paramref name="steps"/> grows by the labels that were compared.</summary>
    internal List<TextMatch> Find(ReadOnlySpan<char> text, ref long steps)
    {
        // Longest text at each place where one begins, from right to left.
        var begins = new List<(int Start, int Index)>();
        var node = 0;
        for (var at = text.Length - 1; at >= 0; at--)
        {
            if (node == 0)
            {
                at = text[..(at + 1)].LastIndexOfAny(_last);
                if (at < 0)
                {
                    break;
                }
            }

            node = Next(node, text[at], ref steps);
            if (_longest[node] >= 0)
            {
                begins.Add((at, _longest[node]));
            }
        }

        var matches = new List<TextMatch>();
        var end = 0;
        for (var i = begins.Count - 1; i >= 0; i--)
        {
            var (start, index) = begins[i];
            if (start >= end)
            {
                matches.Add(new TextMatch(start, _lengths[index], index));
                end = start + _lengths[index];
            }
        }

        return matches;
    }

    private static (char[] Labels, int[] FirstChild, int[] Longest) MakeTrie(string[] sorted, int[] order)
    {
        // A node is a range of the sorted texts that begin alike; [First, End) shrinks level by level.
        var labels = new List<char> { '\0' };
        var firstChild = new List<int>();
        var longest = new List<int>();
        var level = new List<(int First, int End)> { (0, sorted.Length) };
        for (var depth = 0; level.Count > 0; depth++)
        {
            var next = new List<(int First, int End)>();
            foreach (var (first, end) in level)
            {
                // The text that ends here sorts before its continuations.
                var isText = first < end && sorted[first].Length == depth;
                longest.Add(isText ? order[first] : -1);
                firstChild.Add(labels.Count);
                for (var i = isText ? first + 1 : first; i < end;)
                {
                    var label = sorted[i][depth];
                    var begin = i;
                    while (i < end && sorted[i][depth] == label)
                    {
                        i++;
                    }

                    labels.Add(label);
                    next.Add((begin, i));
                }
            }

            level = next;
        }

        firstChild.Add(labels.Count);
        return ([.. labels], [.. firstChild], [.. longest]);
    }

    private void LinkSuffixes()
    {
        var steps = 0L;
        for (var node = 0; node < _labels.Length; node++)
        {
            for (var child = _firstChild[node]; child < _firstChild[node + 1]; child++)
            {
                _suffix[child] = node == 0 ? 0 : Next(_suffix[node], _labels[child], ref steps);

                // Breadth-first: the suffix is shorter, so its own longest text is known.
                _longest[child] = _longest[child] >= 0 ? _longest[child] : _longest[_suffix[child]];
            }
        }
    }

    private int Next(int node, char label, ref long steps)
    {
        while (true)
        {
            var child = Child(node, label, ref steps);
            if (child >= 0)
            {
                return child;
            }

            if (node == 0)
            {
                return 0;
            }

            node = _suffix[node];
        }
    }

    private int Child(int node, char label, ref long steps)
    {
        var low = _firstChild[node];
        var high = _firstChild[node + 1] - 1;
        while (low <= high)
        {
            steps++;
            var middle = (low + high) >>> 1;
            if (_labels[middle] == label)
            {
                return middle;
            }

            if (_labels[middle] < label)
            {
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return -1;
    }
}
