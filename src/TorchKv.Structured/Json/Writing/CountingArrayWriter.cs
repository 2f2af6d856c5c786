using TorchKv.Structured.Grammars;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Keywords;
using TorchKv.Structured.Json.Values;

namespace TorchKv.Structured.Json.Writing;

/// <summary>Writes arrays of which a number of items must match something: a rule for each index and count.</summary>
internal sealed class CountingArrayWriter
{
    private const int MaxIndex = 200;

    private readonly Dictionary<string, GrammarNode> _known = new(StringComparer.Ordinal);
    private readonly SchemaWriter _writer;
    private readonly SchemaMeaning _meaning;
    private readonly ArrayShape _shape;
    private readonly int _lastIndex;

    public CountingArrayWriter(SchemaWriter writer, SchemaMeaning meaning, ArrayShape shape)
    {
        _writer = writer;
        _meaning = meaning;
        _shape = shape;

        // From this index on all indices are alike.
        _lastIndex = shape.Contains.Max(rule => rule.From);
        _lastIndex = Math.Max(_lastIndex, Math.Max(shape.Prefix.Count, shape.Min));
        _lastIndex = shape.Max == int.MaxValue ? _lastIndex : Math.Max(_lastIndex, shape.Max);
        if (_lastIndex > MaxIndex || shape.Contains.Any(rule => rule.Min > MaxIndex || rule.Max is > MaxIndex and < int.MaxValue))
        {
            throw SchemaErrors.TooLarge(null, "contains", "items are counted up to a large number", MaxIndex);
        }
    }

    private GrammarBuilder Builder => _writer.Builder;

    /// <summary>The part of the grammar.</summary>
    public GrammarNode Write() => At(0, new int[_shape.Contains.Count]);

    private GrammarNode At(int index, int[] counts)
    {
        string key = $"{index}:{string.Join(',', counts)}";
        if (!_known.TryGetValue(key, out GrammarNode? node))
        {
            node = _writer.Rule("items", () => Body(index, counts));
            _known.Add(key, node);
        }

        return node;
    }

    private GrammarNode Body(int index, int[] counts)
    {
        var alternatives = new List<GrammarNode>();
        bool enough = index >= _shape.Min
            && _shape.Contains.Select((rule, i) => counts[i] >= rule.Min).All(holds => holds);
        if (enough)
        {
            alternatives.Add(index == 0 ? _writer.Tokens.EmptyArray : _writer.Tokens.CloseArray);
        }

        if (index < _shape.Max)
        {
            AddItems(alternatives, index, counts, 0, _shape.At(index), [.. counts]);
        }

        return Builder.Choice([.. alternatives]);
    }

    // Each rule either counts the item or does not.
    private void AddItems(
        List<GrammarNode> alternatives, int index, int[] counts, int rule, Formula item, int[] next)
    {
        if (item == _meaning.Formulas.None)
        {
            return;
        }

        if (rule == counts.Length)
        {
            alternatives.Add(Builder.Sequence(
                index == 0 ? _writer.Tokens.OpenArray : _writer.Tokens.Comma,
                _writer.Node(item),
                At(Math.Min(index + 1, Math.Max(_lastIndex, 1)), [.. next])));
            return;
        }

        ContainsRule contains = _shape.Contains[rule];
        bool exact = contains.Max < int.MaxValue;
        if (index < contains.From || (!exact && counts[rule] == contains.Min))
        {
            AddItems(alternatives, index, counts, rule + 1, item, next);
            return;
        }

        if (!exact || counts[rule] < contains.Max)
        {
            next[rule] = counts[rule] + 1;
            AddItems(alternatives, index, counts, rule + 1, _meaning.Formulas.And(item, contains.Item), next);
            next[rule] = counts[rule];
        }

        Formula other = exact ? _meaning.Formulas.And(item, _meaning.Formulas.Not(contains.Item)) : item;
        AddItems(alternatives, index, counts, rule + 1, other, next);
    }
}
