using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Contracts;
using TorchKv.Testing;

namespace TorchKv.Structured.Tests.Json;

/// <summary>
/// Random schemas, and texts made by choosing among the tokens that the constraint allows. JsonSchema.Net judges them.
/// <c>./run.sh bench structured --random N</c> does the same with GPT-2's vocabulary, as often as is wanted.
/// </summary>
public sealed class RandomSchemaTests
{
    private const int Schemas = 400;
    private const int LongestText = 600;

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
        var random = new Random(seed);
        var make = new RandomSchemas(random);
        var texts = new RandomTexts(s_vocabulary, random, LongestText);
        var (ended, refused, unjudged) = (0, 0, 0);
        for (int i = 0; i < Schemas; i++)
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

            var judge = new SchemaJudge(text);
            for (int walk = 0; walk < 4; walk++)
            {
                if (texts.Write(start.Fork()) is not { } written)
                {
                    continue;
                }

                var verdict = judge.Judge(written);
                Assert.True(verdict != SchemaVerdict.Invalid, $"seed {seed}, schema {i}\n{text}\nallows\n{written}");
                ended++;
                unjudged += verdict == SchemaVerdict.NotJudged ? 1 : 0;
            }
        }

        Assert.InRange(ended - unjudged, Schemas, int.MaxValue);
        Assert.InRange(refused, 0, Schemas / 4);
        Assert.InRange(unjudged, 0, ended / 10);
        TestContext.Current.SendDiagnosticMessage(
            $"seed {seed}: {Schemas} schemas, {refused} refused, {ended} texts ended, {unjudged} not judged");
    }
}
