using TorchKv.Structured.Automata;
using TorchKv.Structured.Contracts;
using TorchKv.Structured.Grammars;

namespace TorchKv.Structured.Json.Writing;

/// <summary>The punctuation of JSON as parts of a grammar, with the whitespace that may stand next to it.</summary>
internal sealed class JsonTokens
{
    public JsonTokens(GrammarBuilder builder, JsonWhitespace whitespace)
    {
        RegexFactory regexes = builder.Regexes;
        RegexNode blank = regexes.Literal(" ");
        GrammarNode space = builder.Terminal(whitespace switch
        {
            JsonWhitespace.Compact => regexes.Empty,
            JsonWhitespace.Flexible => regexes.Concat(
                regexes.Optional(regexes.Literal("\n")), regexes.Repeat(blank, 0, 16)),
            _ => regexes.Star(regexes.Or(
                blank, regexes.Literal("\t"), regexes.Literal("\n"), regexes.Literal("\r"))),
        });
        OpenObject = builder.Sequence(builder.Literal("{"), space);
        CloseObject = builder.Sequence(space, builder.Literal("}"));
        EmptyObject = builder.Sequence(OpenObject, builder.Literal("}"));
        OpenArray = builder.Sequence(builder.Literal("["), space);
        CloseArray = builder.Sequence(space, builder.Literal("]"));
        EmptyArray = builder.Sequence(OpenArray, builder.Literal("]"));
        Comma = builder.Sequence(space, builder.Literal(","), space);
        Colon = builder.Sequence(space, builder.Literal(":"), space);
    }

    /// <summary>{ and what may follow it.</summary>
    public GrammarNode OpenObject { get; }

    /// <summary>} behind a property.</summary>
    public GrammarNode CloseObject { get; }

    /// <summary>{ and }.</summary>
    public GrammarNode EmptyObject { get; }

    /// <summary>[ and what may follow it.</summary>
    public GrammarNode OpenArray { get; }

    /// <summary>] behind an item.</summary>
    public GrammarNode CloseArray { get; }

    /// <summary>[ and ].</summary>
    public GrammarNode EmptyArray { get; }

    /// <summary>, between two items or properties.</summary>
    public GrammarNode Comma { get; }

    /// <summary>: between a name and its value.</summary>
    public GrammarNode Colon { get; }
}
