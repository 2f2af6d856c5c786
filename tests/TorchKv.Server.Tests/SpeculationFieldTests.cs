using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Models;
using TorchKv.Server.Tests.Support;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests;

/// <summary>The field <c>speculation</c>.</summary>
public sealed class SpeculationFieldTests
{
    private static readonly SpeculationOptions s_own = new() { MaxDraftTokens = 5 };

    [Theory]
    [InlineData("", false, null, 0)]
    [InlineData(",\"speculation\":null", true, DraftSource.PromptLookup, 5)]
    [InlineData(",\"speculation\":\"none\"", true, null, 0)]
    [InlineData(",\"speculation\":\"prompt_lookup\"", true, DraftSource.PromptLookup, 5)]
    [InlineData(",\"speculation\":\"prompt_lookup\"", false, DraftSource.PromptLookup, 16)]
    [InlineData(",\"speculation\":\"draft_model\"", true, DraftSource.DraftModel, 16)]
    public async Task TheRequestDecidesWhereItSaysHow(string field, bool serverDrafts, DraftSource? source, int most)
    {
        var generator = new FakeGenerator(Storyteller.Tokenizer);
        var model = new ServedModel("m", generator, Storyteller.Tokenizer, ChatTemplates.Plain)
        {
            Speculation = serverDrafts ? s_own : null,
        };
        await using var server = await RunningServer.StartAsync(model);
        foreach (var (path, prompt) in ((string, string)[])[
            ("/v1/completions", "\"prompt\":\"x\""),
            ("/v1/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]")])
        {
            generator.Forget();
            await server.AskAsync(path, $$"""{"model":"m",{{prompt}}{{field}}}""");
            Assert.Equal(source, generator.LastOptions!.Speculation?.Source);
            Assert.Equal(most, generator.LastOptions.Speculation?.MaxDraftTokens ?? 0);
        }
    }

    [Fact]
    public async Task AnUnknownWayOfDraftingIsRefusedByName()
    {
        await using var tiny = await TinyEngine.StartAsync();
        var error = await tiny.Server.RefusedAsync(
            "/v1/completions", """{"model":"tiny","prompt":"x","speculation":"eagle"}""", 400);
        Assert.Equal("speculation", (string?)error["param"]);
        Assert.Contains("prompt_lookup", (string?)error["message"]);
        await tiny.Server.RefusedAsync(
            "/v1/completions", """{"model":"tiny","prompt":"x","speculation":"draft_model"}""", 400);
    }

    [Fact]
    public async Task DraftsChangeNoAnswer()
    {
        await using var tiny = await TinyEngine.StartAsync();
        const string ask = "\"model\":\"tiny\",\"prompt\":\"The cat sat. The cat sat. The cat\",\"seed\":3,\"max_tokens\":60";
        var plain = await tiny.Server.AskAsync("/v1/completions", $"{{{ask}}}");
        var drafted = await tiny.Server.AskAsync("/v1/completions", $"{{{ask},\"speculation\":\"prompt_lookup\"}}");
        Assert.Equal(
            (string?)plain["choices"]![0]!["text"], (string?)drafted["choices"]![0]!["text"]);
    }
}
