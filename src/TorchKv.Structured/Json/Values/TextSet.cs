using TorchKv.Structured.Automata;
using TorchKv.Structured.Json.Texts;

namespace TorchKv.Structured.Json.Values;

/// <summary>A set of strings: none, all, a list, or those whose JSON text an expression matches.</summary>
internal sealed class TextSet
{
    /// <summary>No string.</summary>
    public static readonly TextSet None = new(TextSetKind.None, [], null);

    /// <summary>Every string.</summary>
    public static readonly TextSet All = new(TextSetKind.All, [], null);

    private TextSet(TextSetKind kind, string[] list, RegexNode? expression)
    {
        Kind = kind;
        List = list;
        Expression = expression;
    }

    /// <summary>What the set is.</summary>
    public TextSetKind Kind { get; }

    /// <summary>The strings of a list.</summary>
    public string[] List { get; }

    /// <summary>The expression, over JSON text without the quotes.</summary>
    public RegexNode? Expression { get; }

    /// <summary>A list of strings.</summary>
    public static TextSet Of(IEnumerable<string> list)
    {
        string[] distinct = [.. list.Distinct(StringComparer.Ordinal)];
        return distinct.Length == 0 ? None : new TextSet(TextSetKind.List, distinct, null);
    }

    /// <summary>The strings whose JSON text an expression matches; it must match nothing else.</summary>
    public static TextSet Of(RegexNode expression, JsonText texts) =>
        expression == texts.Any ? All
        : texts.Regexes.MatchesNothing(expression) ? None
        : new TextSet(TextSetKind.Expression, [], expression);

    /// <summary>The strings in both sets.</summary>
    public static TextSet And(TextSet a, TextSet b, JsonText texts)
    {
        if (a.Kind == TextSetKind.All || b.Kind == TextSetKind.None || ReferenceEquals(a, b))
        {
            return b;
        }

        if (b.Kind == TextSetKind.All || a.Kind == TextSetKind.None)
        {
            return a;
        }

        return a.Kind == TextSetKind.List ? Of(a.List.Where(text => b.Contains(text, texts)))
            : b.Kind == TextSetKind.List ? Of(b.List.Where(text => a.Contains(text, texts)))
            : Of(texts.Regexes.And(a.Expression!, b.Expression!), texts);
    }

    /// <summary>The strings in one of the sets.</summary>
    public static TextSet Or(TextSet a, TextSet b, JsonText texts)
    {
        if (a.Kind == TextSetKind.None || b.Kind == TextSetKind.All || ReferenceEquals(a, b))
        {
            return b;
        }

        if (b.Kind == TextSetKind.None || a.Kind == TextSetKind.All)
        {
            return a;
        }

        return a.Kind == TextSetKind.List && b.Kind == TextSetKind.List
            ? Of(a.List.Concat(b.List))
            : Of(texts.Regexes.Or(a.ToExpression(texts), b.ToExpression(texts)), texts);
    }

    /// <summary>The strings that are not in the set.</summary>
    public TextSet Not(JsonText texts) => Kind switch
    {
        TextSetKind.None => All,
        TextSetKind.All => None,
        _ => Of(texts.Not(ToExpression(texts)), texts),
    };

    /// <summary>Whether a string is in the set.</summary>
    public bool Contains(string text, JsonText texts) => Kind switch
    {
        TextSetKind.None => false,
        TextSetKind.All => true,
        TextSetKind.List => List.Contains(text, StringComparer.Ordinal),
        _ => texts.Matches(Expression!, text),
    };

    /// <summary>The set as an expression over JSON text without the quotes.</summary>
    public RegexNode ToExpression(JsonText texts) => Kind switch
    {
        TextSetKind.None => texts.Regexes.Nothing,
        TextSetKind.All => texts.Any,
        TextSetKind.List => texts.Regexes.Or([.. List.Select(texts.Literal)]),
        _ => Expression!,
    };
}
