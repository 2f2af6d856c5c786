using TorchKv.Structured.Grammars;
using TorchKv.Structured.Json.Keywords;
using TorchKv.Structured.Json.Values;

namespace TorchKv.Structured.Json.Writing;

/// <summary>Writes arrays as parts of a grammar.</summary>
internal sealed class ArrayWriter(SchemaWriter writer, SchemaMeaning meaning)
{
    private GrammarBuilder Builder => writer.Builder;

    private JsonTokens Tokens => writer.Tokens;

    /// <summary>The part of the grammar for an array shape.</summary>
    public GrammarNode Write(ArrayShape shape)
    {
        if (shape.Contains.Count > 0)
        {
            return new CountingArrayWriter(writer, meaning, shape).Write();
        }

        // What comes behind the prefix, then the prefix from its end.
        int length = Math.Min(shape.Prefix.Count, shape.Max);
        if (length == 0)
        {
            return Uniform(shape);
        }

        GrammarNode after = Builder.Sequence(
            Builder.Repeat(
                Builder.Sequence(Tokens.Comma, writer.Node(shape.Rest)),
                Math.Max(0, shape.Min - length),
                shape.Max == int.MaxValue ? int.MaxValue : shape.Max - length),
            Tokens.CloseArray);
        for (int i = length - 1; i >= 1; i--)
        {
            GrammarNode more = Builder.Sequence(Tokens.Comma, writer.Node(shape.Prefix[i]), after);
            after = i >= shape.Min ? Builder.Choice(Tokens.CloseArray, more) : more;
        }

        return Builder.Choice(
            shape.Min == 0 ? Tokens.EmptyArray : Builder.Nothing,
            Builder.Sequence(Tokens.OpenArray, writer.Node(shape.Prefix[0]), after));
    }

    private GrammarNode Uniform(ArrayShape shape)
    {
        GrammarNode empty = shape.Min == 0 ? Tokens.EmptyArray : Builder.Nothing;
        if (shape.Max == 0)
        {
            return empty;
        }

        GrammarNode item = writer.Node(shape.Rest);
        return Builder.Choice(
            empty,
            Builder.Sequence(
                Tokens.OpenArray,
                item,
                Builder.Repeat(
                    Builder.Sequence(Tokens.Comma, item),
                    Math.Max(0, shape.Min - 1),
                    shape.Max == int.MaxValue ? int.MaxValue : shape.Max - 1),
                Tokens.CloseArray));
    }
}
