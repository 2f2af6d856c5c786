using System.Text.Json;
using TorchKv.Structured.Json.Documents;
using TorchKv.Structured.Json.Numbers;

namespace TorchKv.Structured.Json.Keywords;

/// <summary>minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf.</summary>
internal static class NumberKeywords
{
    /// <summary>The numbers that the keywords allow; null: they say nothing.</summary>
    public static NumberSet? Read(SchemaNode node)
    {
        NumberSet numbers = NumberSet.All;
        JsonNumber? minimum = KeywordValues.Number(node, "minimum");
        JsonNumber? maximum = KeywordValues.Number(node, "maximum");
        JsonNumber? above = Exclusive(node, "exclusiveMinimum", ref minimum);
        JsonNumber? below = Exclusive(node, "exclusiveMaximum", ref maximum);
        if (minimum is { } least)
        {
            numbers = NumberSet.And(numbers, NumberSet.AtLeast(least));
        }

        if (above is { } low)
        {
            numbers = NumberSet.And(numbers, NumberSet.Above(low));
        }

        if (maximum is { } most)
        {
            numbers = NumberSet.And(numbers, NumberSet.Above(most).Not());
        }

        if (below is { } high)
        {
            numbers = NumberSet.And(numbers, NumberSet.AtLeast(high).Not());
        }

        if (KeywordValues.Number(node, "multipleOf") is { } divisor)
        {
            if (divisor.Unscaled.Sign <= 0)
            {
                throw SchemaErrors.Wrong(node.Pointer, "multipleOf", "a number above 0");
            }

            if (RemainderTracker.Create(divisor) is null)
            {
                throw SchemaErrors.Unsupported(
                    node.Pointer, "multipleOf", $"{divisor} has too many digits for the remainders to be followed.");
            }

            numbers = NumberSet.And(numbers, NumberSet.MultiplesOf(divisor));
        }

        return numbers.Kind == NumberSetKind.All ? null : numbers;
    }

    // In draft 4 the keyword is a boolean that makes the bound next to it exclusive.
    private static JsonNumber? Exclusive(SchemaNode node, string keyword, ref JsonNumber? bound)
    {
        if (!node.TryGet(keyword, out JsonElement value)
            || value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            return KeywordValues.Number(node, keyword);
        }

        JsonNumber? exclusive = value.ValueKind == JsonValueKind.True ? bound : null;
        bound = value.ValueKind == JsonValueKind.True ? null : bound;
        return exclusive;
    }
}
