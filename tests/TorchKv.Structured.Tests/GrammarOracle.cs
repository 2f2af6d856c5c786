using TorchKv.Structured.Automata;
using TorchKv.Structured.Grammars;

namespace TorchKv.Structured.Tests;

/// <summary>Says whether a text belongs to a grammar, in the plainest way: which spans each part matches, until nothing changes.</summary>
internal sealed class GrammarOracle(Grammar grammar, byte[] text)
{
    private readonly Dictionary<GrammarNode, bool[,]> _spans = new(ReferenceEqualityComparer.Instance);
    private bool _changed;

    public bool Matches()
    {
        do
        {
            _changed = false;
            foreach (var node in Reachable())
            {
                Update(node);
            }
        }
        while (_changed);
        return Spans(grammar.Start)[0, text.Length];
    }

    private HashSet<GrammarNode> Reachable()
    {
        var seen = new HashSet<GrammarNode>(ReferenceEqualityComparer.Instance);
        var pending = new Stack<GrammarNode>([grammar.Start]);
        while (pending.TryPop(out var node))
        {
            if (seen.Add(node))
            {
                GrammarNode[] parts = node switch
                {
                    SequenceNode sequence => sequence.Parts,
                    ChoiceNode choice => choice.Alternatives,
                    RepeatNode repeat => [repeat.Part],
                    GrammarRule rule => [rule.Body!],
                    _ => [],
                };
                foreach (var part in parts)
                {
                    pending.Push(part);
                }
            }
        }

        return seen;
    }

    private bool[,] Spans(GrammarNode node)
    {
        if (!_spans.TryGetValue(node, out var spans))
        {
            spans = new bool[text.Length + 1, text.Length + 1];
            _spans.Add(node, spans);
        }

        return spans;
    }

    private void Update(GrammarNode node)
    {
        var found = node switch
        {
            TerminalNode terminal => OfTerminal(terminal.Regex),
            SequenceNode sequence => sequence.Parts.Aggregate(Identity(), (before, part) => Join(before, Spans(part))),
            ChoiceNode choice => choice.Alternatives.Aggregate(new bool[text.Length + 1, text.Length + 1], (all, part) => Either(all, Spans(part))),
            RepeatNode repeat => OfRepeat(repeat),
            GrammarRule rule => Spans(rule.Body!),
            _ => throw new InvalidOperationException(),
        };
        var known = Spans(node);
        for (var i = 0; i <= text.Length; i++)
        {
            for (var j = i; j <= text.Length; j++)
            {
                _changed |= found[i, j] && !known[i, j];
                known[i, j] |= found[i, j];
            }
        }
    }

    private bool[,] OfRepeat(RepeatNode repeat)
    {
        var (spans, all) = (Identity(), new bool[text.Length + 1, text.Length + 1]);
        var last = Math.Min(repeat.Max, repeat.Min + text.Length + 1);
        for (var count = 0; count <= last; count++)
        {
            if (count >= repeat.Min)
            {
                all = Either(all, spans);
            }

            spans = Join(spans, Spans(repeat.Part));
        }

        return all;
    }

    private bool[,] OfTerminal(RegexNode regex)
    {
        var spans = new bool[text.Length + 1, text.Length + 1];
        for (var i = 0; i <= text.Length; i++)
        {
            var node = regex;
            for (var j = i; j <= text.Length; j++)
            {
                spans[i, j] = node.IsNullable;
                node = j < text.Length ? grammar.Regexes.Derivative(node, text[j]) : node;
            }
        }

        return spans;
    }

    private bool[,] Identity()
    {
        var spans = new bool[text.Length + 1, text.Length + 1];
        for (var i = 0; i <= text.Length; i++)
        {
            spans[i, i] = true;
        }

        return spans;
    }

    private bool[,] Either(bool[,] a, bool[,] b) => Combine((i, j) => a[i, j] || b[i, j]);

    private bool[,] Join(bool[,] a, bool[,] b)
        => Combine((i, j) => Enumerable.Range(i, j - i + 1).Any(middle => a[i, middle] && b[middle, j]));

    private bool[,] Combine(Func<int, int, bool> holds)
    {
        var spans = new bool[text.Length + 1, text.Length + 1];
        for (var i = 0; i <= text.Length; i++)
        {
            for (var j = i; j <= text.Length; j++)
            {
                spans[i, j] = holds(i, j);
            }
        }

        return spans;
    }
}
