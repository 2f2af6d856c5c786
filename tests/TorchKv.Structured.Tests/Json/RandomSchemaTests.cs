using System.Globalization;
using System.Text;
using System.Text.Json;
using Json.Schema;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Contracts;

namespace TorchKv.Structured.Tests.Json;

/// <summary>
/// Random schemas, and texts made by choosing among the tokens that the constraint allows. JsonSchema.Net judges them.
/// </summary>
public sealed class RandomSchemaTests
{
    private const int LongestText = 600;

    // More schemas, for a longer run than a test's.
    private const string CountVariable = "TORCHKV_RANDOM_SCHEMAS";

    private static readonly ListVocabulary s_vocabulary = new(
    [
        .. Enumerable.Range(0, 256).Select(value => new[] { (byte)value }),
        .. ((string[])["<|end|>", "{\"", "\":", "\",\"", "\"}", "},", "],[", "true", "false", "null", "12", "0.5", "-1",
            "abc", "foo", "bar", "\\n", "\\u00", "e9", "1:", "19", "2024-", "-01", "T12:", ":00", "Z", "é", "name", "tags", "@a", ".com",
            "a\":", "\"a", "[]", "{}", "\"\"", "::", "http://", "next", "value"]).Select(Encoding.UTF8.GetBytes),
    ]);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task WhatEndsIsValid(int seed)
    {
        int schemas = int.Parse(
            Environment.GetEnvironmentVariable(CountVariable) ?? "400", CultureInfo.InvariantCulture);
        var random = new Random(seed);
        var make = new RandomSchemas(random);
        var (ended, refused, unjudged) = (0, 0, 0);
        for (int i = 0; i < schemas; i++)
        {
            string text = make.Next().ToJsonString();
            ITokenMatcher start;
            try
            {
                start = await TokenConstraint.JsonSchema(
                    text,
                    new JsonSchemaOptions
                    {
                        Whitespace = (JsonWhitespace)random.Next(2),
                        PropertyOrder = (JsonPropertyOrder)random.Next(2),
                    }).CompileAsync(s_vocabulary);
            }
            catch (ConstraintException exception)
            {
                Assert.True(exception.Keyword is not null, exception.Message);
                refused++;
                continue;
            }

            var schema = JsonSchema.FromText(text);
            for (int walk = 0; walk < 4; walk++)
            {
                if (Walk(start.Fork(), random) is not { } written)
                {
                    continue;
                }

                using JsonDocument value = JsonDocument.Parse(written);
                if (Any(value.RootElement, HasRepeatedName) || Any(value.RootElement, IsJudgedOtherwise))
                {
                    // Names that no schema declares may come twice; the judge takes no such object. It counts a letter with
                    // its accents as one character, where the standard counts each, and calculates with doubles and decimals.
                    unjudged++;
                    continue;
                }

                EvaluationResults result;
                try
                {
                    result = schema.Evaluate(
                        value.RootElement, new EvaluationOptions { RequireFormatValidation = true });
                }
                catch (ArgumentOutOfRangeException)
                {
                    // The judge fails on some URIs, those with a user's name for example.
                    unjudged++;
                    continue;
                }

                ended++;
                Assert.True(result.IsValid, $"seed {seed}, schema {i}\n{text}\nallows\n{written}");
            }
        }

        Assert.InRange(ended, schemas, int.MaxValue);
        Assert.InRange(refused, 0, schemas / 4);
        Assert.InRange(unjudged, 0, ended / 10);
        TestContext.Current.SendDiagnosticMessage(
            $"seed {seed}: {schemas} schemas, {refused} refused, {ended} texts ended, {unjudged} not judged");
    }

    // Null where the text was cut before its end.
    private static string? Walk(ITokenMatcher matcher, Random random)
    {
        var text = new List<byte>();
        ulong[] mask = new ulong[(s_vocabulary.Count + 63) / 64];
        for (int step = 0; step < LongestText; step++)
        {
            matcher.WriteMask(mask);
            int[] allowed = [.. Enumerable.Range(0, s_vocabulary.Count).Where(id => (mask[id / 64] >> id & 1) != 0)];
            if (allowed.Length == 0 || (matcher.CanEnd && random.Next(3) == 0))
            {
                Assert.True(matcher.CanEnd, "A text came to a point where nothing may follow and that is no end.");
                return Encoding.UTF8.GetString([.. text]);
            }

            // Closing tokens are liked better, so that texts end.
            int chosen = allowed[random.Next(allowed.Length)];
            for (int tries = 0; tries < 12 && !s_vocabulary.TokenBytes(chosen).ContainsAny("\"}]"u8); tries++)
            {
                chosen = random.Next(3) == 0 ? chosen : allowed[random.Next(allowed.Length)];
            }

            Assert.True(matcher.TryAppend(chosen));
            text.AddRange(s_vocabulary.TokenBytes(chosen));
        }

        return null;
    }

    private static bool Any(JsonElement value, Func<JsonElement, bool> holds) => holds(value) || value.ValueKind switch
    {
        JsonValueKind.Array => value.EnumerateArray().Any(item => Any(item, holds)),
        JsonValueKind.Object => value.EnumerateObject().Any(property => Any(property.Value, holds)),
        _ => false,
    };

    private static bool HasRepeatedName(JsonElement value) => value.ValueKind == JsonValueKind.Object
        && value.EnumerateObject().Select(p => p.Name).Distinct().Count() != value.GetPropertyCount();

    private static bool IsJudgedOtherwise(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => IsCountedOtherwise(value.GetString()!),
        JsonValueKind.Object => value.EnumerateObject().Any(property => IsCountedOtherwise(property.Name)),
        JsonValueKind.Number => !value.TryGetDecimal(out _) || value.GetRawText().Count(char.IsAsciiDigit) > 15,
        _ => false,
    };

    private static bool IsCountedOtherwise(string text) =>
        new StringInfo(text).LengthInTextElements != text.EnumerateRunes().Count();
}
