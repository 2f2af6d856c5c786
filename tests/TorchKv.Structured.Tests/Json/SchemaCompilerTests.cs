using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Contracts;

namespace TorchKv.Structured.Tests.Json;

[Trait("speed", "fast")]
public sealed class SchemaCompilerTests
{
    [Theory]
    [InlineData("""{"properties":{"b":{},"a":{}},"required":["z","a"],"type":"object"}""", """{"b":1,"a":2,"z":3,"y":4}""", """{"a":2,"b":1,"z":3}""")]
    [InlineData("""{"properties":{"a":{}},"type":"object"}""", """{"a":1,"c":2,"b":3}""", """{"a":1,"a":2}""")]
    [InlineData("""{"properties":{"a":{}},"additionalProperties":{"type":"null"}}""", """{"x":null}""", """{"x":1}""")]
    [InlineData("""{"type":"object","additionalProperties":false}""", "{}", """{"a":1}""")]
    [InlineData("""{"patternProperties":{"^n":{"type":"number"},"x$":{"minimum":5}},"type":"object"}""", """{"nx":5,"n":1,"x":"s"}""", """{"nx":4}""")]
    [InlineData("""{"minProperties":1,"maxProperties":2,"type":"object"}""", """{"a":1,"b":2}""", "{}")]
    [InlineData("""{"type":"array","maxItems":0}""", "[]", "[1]")]
    [InlineData("""{"prefixItems":[{"type":"null"}],"items":false,"type":"array"}""", "[null]", "[null,1]")]
    [InlineData("""{"contains":{"const":1},"minContains":2,"maxContains":2,"type":"array"}""", "[1,2,1]", "[1,1,1]")]
    [InlineData("""{"type":"string","maxLength":3000}""", "\"abc\"", "1")]
    [InlineData("""{"type":"string","pattern":"^\\\"\\n.$"}""", "\"\\\"\\n\U0001F600\"", "\"\\\"n\U0001F600\"")]
    [InlineData("""{"type":"string","minLength":2,"maxLength":2}""", "\"\\ud83d\\ude00\\u00e9\"", "\"\\ud83d\\ude00\"")]
    [InlineData("""{"type":"string"}""", "\"\\u00FF\"", "\"\\ud83d\"")]
    [InlineData("""{"const":"a\tb"}""", "\"a\\tb\"", "\"a\tb\"")]
    [InlineData("""{"type":"number","exclusiveMinimum":-0.5,"maximum":12.25}""", "12.25", "-0.5")]
    [InlineData("""{"type":"number","exclusiveMinimum":-0.5,"maximum":12.25}""", "-0.4999", "12.2500001")]
    [InlineData("""{"type":"integer","multipleOf":7,"minimum":-20,"maximum":20}""", "-14", "13")]
    [InlineData("""{"multipleOf":0.01}""", "1.25", "1.255")]
    [InlineData("""{"minimum":3}""", "\"no number\"", "2")]
    [InlineData("""{"type":"integer"}""", "12", "1.5")]
    [InlineData("""{"not":{"type":["object","number"]}}""", "[{}]", "{}")]
    [InlineData("""{"oneOf":[{"required":["a"]},{"required":["b"]}],"type":"object"}""", """{"b":1}""", """{"a":1,"b":2}""")]
    [InlineData("""{"oneOf":[{"type":"integer"},{"minimum":2}]}""", "1", "3")]
    [InlineData("""{"properties":{"k":{"enum":["x","y"]}},"if":{"properties":{"k":{"const":"x"}},"required":["k"]},"then":{"required":["n"]},"type":"object"}""", """{"k":"x","n":1}""", """{"k":"x"}""")]
    [InlineData("""{"dependentRequired":{"a":["b"]},"type":"object"}""", """{"a":1,"b":2}""", """{"a":1}""")]
    [InlineData("""{"properties":{"c":{"$ref":"#"},"v":{"type":"null"}},"additionalProperties":false,"type":"object"}""", """{"c":{"c":{"v":null}}}""", """{"c":{"c":1}}""")]
    [InlineData("""{"$ref":"#a","$defs":{"x":{"$anchor":"a","type":"null"}}}""", "null", "1")]
    [InlineData("""{"format":"date"}""", "\"2024-02-29\"", "\"2023-02-29\"")]
    [InlineData("""{"properties":{"a":{"type":"string"},"a":{"type":"integer"}},"type":"object"}""", """{"a":1}""", """{"a":"x"}""")]
    [InlineData("""{"allOf":[{"properties":{"t":{"type":"integer"}}},{"properties":{"t":{"minimum":2}}}],"unevaluatedProperties":false,"type":"object"}""", """{"t":2}""", """{"u":2}""")]
    [InlineData("""{"format":"date"}""", "\"0400-02-29\"", "\"0000-02-29\"")]
    [InlineData("""{"format":"date-time"}""", "\"0001-01-01T00:00:00Z\"", "\"0000-01-01T00:00:00Z\"")]
    [InlineData("""{"allOf":[{"properties":{"a":{"minimum":1}}},{"properties":{"a":{"maximum":2}}}],"type":"object"}""", """{"a":2}""", """{"a":3}""")]
    [InlineData("""{"enum":[1,"a",null,[1,{"b":2}]]}""", """[1,{"b":2}]""", """[1,{"b":3}]""")]
    public void AllowsWhatTheSchemaAllows(string schema, string allowed, string refused)
    {
        SchemaMatcher matcher = SchemaMatcher.Compile(schema);
        Assert.True(matcher.Allows(allowed), allowed);
        Assert.False(matcher.Allows(refused), refused);
    }

    [Theory]
    [InlineData("""{"b":1,"a":2}""", true)]
    [InlineData("""{"a":2,"b":1}""", true)]
    [InlineData("""{"x":null,"a":2,"y":null,"b":1,"x":null}""", true)]
    [InlineData("""{"a":2}""", true)]
    [InlineData("""{"c":{"e":1,"d":2},"a":2}""", true)]
    [InlineData("""{"c":{"d":1,"e":2},"a":2,"b":0}""", true)]
    [InlineData("""{"b":1}""", false)]
    [InlineData("{}", false)]
    [InlineData("""{"a":2,"b":1,"a":2}""", false)]
    [InlineData("""{"a":2,"x":1}""", false)]
    [InlineData("""{"a":2,"f":1}""", false)]
    [InlineData("""{"c":{"e":1},"a":2}""", false)]
    [InlineData("""{"a":2,}""", false)]
    [InlineData("""{,"a":2}""", false)]
    [InlineData("""{"a":2"b":1}""", false)]
    public void AnyOrderTakesEachDeclaredPropertyOnce(string text, bool isAllowed)
    {
        const string schema = """
            {
                "type": "object",
                "properties": {
                    "b": {}, "a": {}, "f": false,
                    "c": {
                        "properties": { "d": {}, "e": {} }, "required": ["d", "e"], "additionalProperties": false,
                        "type": "object"
                    }
                },
                "required": ["a"],
                "additionalProperties": { "type": "null" }
            }
            """;
        SchemaMatcher matcher = SchemaMatcher.Compile(schema, new() { PropertyOrder = JsonPropertyOrder.Any });
        Assert.Equal(isAllowed, matcher.Allows(text));
    }

    [Fact]
    public void AnyOrderKeepsNoOrderOfSixtyProperties()
    {
        string[] names = [.. Enumerable.Range(0, 60).Select(i => $"name{i}")];
        string schema = $$"""
            {"type":"object","properties":{ {{string.Join(',', names.Select(name => $"\"{name}\":{{}}"))}} },
             "required":["name7"],"additionalProperties":false}
            """;
        SchemaMatcher matcher = SchemaMatcher.Compile(schema, new() { PropertyOrder = JsonPropertyOrder.Any });
        var random = new Random(1);
        for (int i = 0; i < 20; i++)
        {
            random.Shuffle(names);
            string[] some = [.. names.Take(random.Next(1, 61))];
            Assert.Equal(
                some.Contains("name7"), matcher.Allows("{" + string.Join(',', some.Select(n => $"\"{n}\":1")) + "}"));
        }
    }

    [Theory]
    [InlineData("""{"type":"object","required":["a"],"properties":{"a":false}}""")]
    [InlineData("""{"type":"object","required":["a"],"properties":{"a":{"$ref":"#"}}}""")]
    public void AnyOrderOfAnImpossiblePropertyIsRefused(string schema)
    {
        var refusal = Assert.Throws<ConstraintException>(
            () => SchemaMatcher.Compile(schema, new() { PropertyOrder = JsonPropertyOrder.Any }));
        Assert.Equal("empty language", refusal.Keyword);
    }

    [Fact]
    public void WhitespaceIsBounded()
    {
        const string schema = """{"type":"object","properties":{"a":{"type":"array"}}}""";
        string blanks = new(' ', 16);
        SchemaMatcher compact = SchemaMatcher.Compile(schema);
        SchemaMatcher flexible = SchemaMatcher.Compile(schema, new() { Whitespace = JsonWhitespace.Flexible });
        Assert.True(compact.Allows("""{"a":[1,2]}"""));
        Assert.False(compact.Allows("""{"a": [1,2]}"""));
        Assert.True(flexible.Allows($"{{\n{blanks}\"a\" :\n[ 1 ,\n 2\n]\n}}"));
        Assert.False(flexible.Allows($"{{\n {blanks}\"a\":[]}}"));
        Assert.False(flexible.Allows("{\n\n\"a\":[]}"));
    }

    [Theory]
    [InlineData("""{"properties":{"a":{"uniqueItems":true}}}""", "#/properties/a/uniqueItems", "uniqueItems")]
    [InlineData("""{"items":{"$ref":"http://example.com/x"}}""", "#/items/$ref", "$ref")]
    [InlineData("""{"items":{"$ref":"#/nowhere"}}""", "#/items/$ref", "$ref")]
    [InlineData("""{"$dynamicRef":"#x"}""", "#/$dynamicRef", "$dynamicRef")]
    [InlineData("""{"anyOf":[{},{"unevaluatedProperties":false,"oneOf":[{}]}],"type":"object"}""", "#/anyOf/1/unevaluatedProperties", "unevaluatedProperties")]
    [InlineData("""{"format":"iri"}""", "#/format", "format")]
    [InlineData("""{"pattern":"("}""", "#/pattern", "pattern")]
    [InlineData("""{"pattern":"(a)\\1"}""", "#/pattern", "pattern")]
    [InlineData("""{"patternProperties":{"a/(":{}}}""", "#/patternProperties", "patternProperties")]
    [InlineData("""{"type":"dog"}""", "#/type", "type")]
    [InlineData("""{"minLength":-1}""", "#/minLength", "minLength")]
    [InlineData("""{"required":"a"}""", "#/required", "required")]
    [InlineData("""{"multipleOf":0.12345678}""", "#/multipleOf", "multipleOf")]
    [InlineData("""{"$ref":"#"}""", "#/$ref", "$ref")]
    [InlineData("""{"allOf":[{"not":{"$ref":"#"}}]}""", "#/$ref", "$ref")]
    public void AnErrorNamesPlaceAndKeyword(string schema, string pointer, string keyword)
    {
        var error = Assert.Throws<ConstraintException>(() => SchemaMatcher.Compile(schema));
        Assert.Equal((pointer, keyword), (error.Pointer, error.Keyword));
        Assert.Contains(keyword, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}x")]
    [InlineData("5")]
    [InlineData("{\"const\":\"\\ud800\"}")]
    [InlineData("{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}")]
    public void WhatIsNoSchemaOrAllowsNothingIsRefused(string schema) =>
        Assert.Throws<ConstraintException>(() => SchemaMatcher.Compile(schema));

    [Fact]
    public void LimitsAreNamed()
    {
        Refused(new string(' ', 2000) + "{}", new() { MaxSchemaBytes = 1000 }, "1000");
        Refused("""{"enum":[1,2,3]}""", new() { MaxEnumValues = 2 }, "2");
        Refused("""{"properties":{"a":{},"b":{},"c":{"minimum":1}}}""", new() { MaxSchemas = 2 }, "2");
        Refused(string.Concat(Enumerable.Repeat("""{"items":""", 40)) + "{}" + new string('}', 40), new() { MaxDepth = 32 }, "32");

        var chain = new StringBuilder("""{"$ref":"#/$defs/d0","$defs":{""");
        for (int i = 0; i < 3000; i++)
        {
            chain.Append($"\"d{i}\":{{\"$ref\":\"#/$defs/d{i + 1}\"}},");
        }

        Refused(chain.Append("\"d3000\":{}}}").ToString(), new(), "128");

        string[] branches = [.. Enumerable.Range(0, 12).Select(i => $$"""{"required":["a{{i}}"]}""")];
        string all = string.Join(',', Enumerable.Range(0, 4).Select(i =>
            $$"""{"anyOf":[{{string.Join(',', branches).Replace("\"a", $"\"{(char)('a' + i)}", StringComparison.Ordinal)}}]}"""));
        Refused($$"""{"allOf":[{{all}}],"type":"object"}""", new(), "512");
    }

    private static void Refused(string schema, JsonSchemaOptions options, string limit)
    {
        var error = Assert.Throws<ConstraintException>(() => SchemaMatcher.Compile(schema, options));
        Assert.Contains(limit, error.Message, StringComparison.Ordinal);
    }
}
