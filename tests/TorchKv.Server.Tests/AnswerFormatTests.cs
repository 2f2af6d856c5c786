using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

/// <summary>Answers of a given form, with the real model.</summary>
public sealed class AnswerFormatTests(Storyteller storyteller)
{
    private const string Chats = "/v1/chat/completions";

    private const string Pet = """
        {"type":"object","properties":{"name":{"type":"string","maxLength":12},"age":{"type":"integer","minimum":0,
         "maximum":20},"good":{"type":"boolean"}},"required":["name","age","good"],"additionalProperties":false}
        """;

    [Fact]
    public async Task ASchemaGivesAnAnswerThatItAllows()
    {
        var format = $$$"""{"type":"json_schema","json_schema":{"name":"pet","strict":true,"schema":{{{Pet}}}}}""";
        var answer = JsonNode.Parse(await AnswerAsync("response_format", format))!.AsObject();
        Assert.Equal(["name", "age", "good"], answer.Select(property => property.Key));
        Assert.InRange((int)answer["age"]!, 0, 20);
        Assert.InRange(((string)answer["name"]!).Length, 0, 12);
    }

    [Theory]
    [InlineData("structured_outputs", "{\"regex\":\"[ab]{3}\"}", "^[ab]{3}$")]
    [InlineData("structured_outputs", "{\"choice\":[\"yes\",\"no\"]}", "^(yes|no)$")]
    [InlineData("structured_outputs", "{\"grammar\":\"root ::= \\\"x\\\" [0-9] | \\\"y\\\"\"}", "^(x[0-9]|y)$")]
    [InlineData("structured_outputs", "{\"json\":{\"enum\":[\"a\",\"b\"]}}", "^\"[ab]\"$")]
    [InlineData("structured_outputs", "{\"json\":\"{\\\"type\\\":\\\"boolean\\\"}\"}", "^(true|false)$")]
    [InlineData("guided_json", "{\"type\":\"null\"}", "^null$")]
    [InlineData("guided_regex", "\"a+b\"", "^a+b$")]
    [InlineData("guided_choice", "[\"left\",\"right\"]", "^(left|right)$")]
    [InlineData("guided_grammar", "\"root ::= \\\"z\\\"\"", "^z$")]
    public async Task AFieldOfVllmsGivesAnAnswerOfItsForm(string field, string value, string form) =>
        Assert.Matches(new Regex(form, RegexOptions.NonBacktracking), await AnswerAsync(field, value));

    [Fact]
    public async Task AJsonObjectBeginsAsOne()
    {
        var (text, reason) = await AskAsync("response_format", "{\"type\":\"json_object\"}");
        Assert.StartsWith("{", text, StringComparison.Ordinal);
        Assert.Contains(reason, (string[])["stop", "length"]);
        if (reason == "stop")
        {
            Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(text).RootElement.ValueKind);
        }
    }

    [Fact]
    public async Task AResponseHasTheFormOfItsFormat()
    {
        var answer = await storyteller.Server.AskAsync("/v1/responses", $$$$"""
            {"model":"storyteller","input":"A pet","temperature":0,"text":{"format":{"type":"json_schema","name":"pet",
             "schema":{{{{Pet}}}}}}}
            """);
        var text = (string)answer["output"]![0]!["content"]![0]!["text"]!;
        Assert.Equal(3, JsonNode.Parse(text)!.AsObject().Count);
        var format = answer["text"]!["format"]!;
        Assert.Equal("json_schema", (string?)format["type"]);
        Assert.Equal("pet", (string?)format["name"]);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Pet), format["schema"]));
    }

    [Theory]
    [InlineData("", "text")]
    [InlineData(",\"text\":{\"format\":{\"type\":\"text\"}}", "text")]
    [InlineData(",\"text\":{\"format\":{\"type\":\"json_object\"}}", "json_object")]
    public async Task AResponseNamesTheFormatThatWasAskedFor(string text, string type)
    {
        var answer = await storyteller.Server.AskAsync("/v1/responses", $$"""
            {"model":"storyteller","input":"A pet","max_output_tokens":3{{text}}}
            """);
        Assert.Equal(type, (string?)answer["text"]!["format"]!["type"]);
    }

    [Theory]
    [InlineData(
        "response_format",
        "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"properties\":{\"a\":{\"uniqueItems\":true}}}}}",
        "response_format.json_schema.schema#/properties/a/uniqueItems")]
    [InlineData(
        "response_format",
        "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"pattern\":\"(\"}}}",
        "response_format.json_schema.schema#/pattern")]
    [InlineData("response_format", "{\"type\":\"json_schema\"}", "response_format.json_schema")]
    [InlineData(
        "response_format", "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\"}}", "response_format.json_schema.schema")]
    [InlineData("structured_outputs", "{\"json\":{},\"regex\":\"a\"}", "structured_outputs")]
    [InlineData("structured_outputs", "{\"structural_tag\":\"a\"}", "structured_outputs.structural_tag")]
    [InlineData("structured_outputs", "{\"json\":{\"type\":\"dog\"}}", "structured_outputs.json#/type")]
    [InlineData("guided_regex", "5", "guided_regex")]
    public async Task AFormThatCannotBeIsRefusedWithItsPlace(string field, string value, string param)
    {
        var error = await storyteller.Server.RefusedAsync(Chats, Body(field, value), 400);
        Assert.Equal(param, (string?)error["param"]);
        Assert.Equal("invalid_request_error", (string?)error["type"]);
    }

    [Fact]
    public async Task TwoFormsAreRefused()
    {
        var error = await storyteller.Server.RefusedAsync(
            Chats, Body("response_format", "{\"type\":\"json_object\"},\"guided_regex\":\"a\""), 400);
        Assert.Equal("guided_regex", (string?)error["param"]);
    }

    private async Task<string> AnswerAsync(string field, string value)
    {
        var (text, reason) = await AskAsync(field, value);
        Assert.Equal("stop", reason);
        return text;
    }

    private async Task<(string Text, string Reason)> AskAsync(string field, string value)
    {
        var answer = await storyteller.Server.AskAsync(Chats, Body(field, value));
        var choice = answer["choices"]![0]!;
        return ((string)choice["message"]!["content"]!, (string)choice["finish_reason"]!);
    }

    private static string Body(string field, string value)
        => """{"model":"storyteller","messages":[{"role":"user","content":"Tell me of a pet"}],"seed":7"""
            + $$""","max_tokens":120,"{{field}}":{{value}}}""";
}
