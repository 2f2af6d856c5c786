using System.Text.Json;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Values;

namespace TorchKv.Structured.Json.Keywords;

/// <summary>allOf, anyOf, oneOf, not, if, then, else.</summary>
internal sealed class BranchKeywords(SchemaDocument document, SchemaMeaning meaning)
{
    private FormulaFactory Formulas => meaning.Formulas;

    /// <summary>What must hold; all of it.</summary>
    public IEnumerable<Formula> Read(SchemaNode node)
    {
        if (Parts(node, "allOf") is { } all)
        {
            foreach (Formula part in all)
            {
                yield return part;
            }
        }

        if (Parts(node, "anyOf") is { } any)
        {
            yield return Formulas.Or(any);
        }

        if (Parts(node, "oneOf") is { } one)
        {
            yield return One(one);
        }

        if (node.TryGet("not", out JsonElement not))
        {
            yield return Formulas.Not(Schema(node, "not", not));
        }

        if (node.TryGet("if", out JsonElement condition) && node.Draft > SchemaDraft.Draft4)
        {
            Formula holds = Schema(node, "if", condition);
            Formula then = node.TryGet("then", out JsonElement t) ? Schema(node, "then", t) : Formulas.All;
            Formula otherwise = node.TryGet("else", out JsonElement e) ? Schema(node, "else", e) : Formulas.All;
            if (then != Formulas.All || otherwise != Formulas.All)
            {
                yield return Formulas.Or(
                    Formulas.And(holds, then), Formulas.And(Formulas.Not(holds), otherwise));
            }
        }
    }

    private Formula Schema(SchemaNode node, string path, JsonElement value) =>
        Formulas.Of(KeywordValues.Schema(document, node, path, value));

    private Formula[]? Parts(SchemaNode node, string keyword)
    {
        if (!node.TryGet(keyword, out JsonElement list))
        {
            return null;
        }

        return list.ValueKind == JsonValueKind.Array
            ? [.. list.EnumerateArray().Select((part, i) => Schema(node, $"{keyword}/{i}", part))]
            : throw SchemaErrors.Wrong(node.Pointer, keyword, "a list of schemas");
    }

    // One branch and none of those that could hold at the same time.
    private Formula One(Formula[] branches)
    {
        var choices = new List<Formula>();
        for (int i = 0; i < branches.Length; i++)
        {
            Formula mine = branches[i];
            if (mine == Formulas.None)
            {
                continue;
            }

            var parts = new List<Formula> { mine };
            for (int j = 0; j < branches.Length; j++)
            {
                if (i != j && !meaning.IsEmpty(Formulas.And(mine, branches[j])))
                {
                    // The same schema twice never holds once.
                    parts.Add(Formulas.Not(branches[j]));
                }
            }

            choices.Add(Formulas.And(parts));
        }

        return Formulas.Or(choices);
    }
}
