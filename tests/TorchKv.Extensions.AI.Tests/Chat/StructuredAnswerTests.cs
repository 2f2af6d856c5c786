using System.Text.Json;
using Microsoft.Extensions.AI;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Extensions.AI.Tests.Chat;

/// <summary>Answers that are JSON, through the chat client.</summary>
public sealed class StructuredAnswerTests(StorytellerEngine storyteller)
{
    private static readonly ChatMessage[] Ask = [new(ChatRole.User, "Tell me of a pet.")];
    private readonly IChatClient _client = storyteller.Engine.AsIChatClient(ChatTemplates.Plain, "storyteller");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task ATypedAnswerIsAnObjectOfItsType(int seed)
    {
        var response = await _client.GetResponseAsync<Pet>(
            Ask, new ChatOptions { MaxOutputTokens = 200, Seed = seed, Temperature = 0.7f });
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.NotNull(response.Result);
        Assert.Contains(response.Result.Kind, Enum.GetValues<PetKind>());
    }

    [Fact]
    public async Task AFormatWithASchemaIsKept()
    {
        var schema = JsonDocument.Parse("""{"enum":["cat","dog"]}""").RootElement;
        var response = await _client.GetResponseAsync(
            Ask, new ChatOptions { MaxOutputTokens = 20, ResponseFormat = ChatResponseFormat.ForJsonSchema(schema) });
        Assert.Contains(response.Text, (string[])["\"cat\"", "\"dog\""]);
    }

    [Fact]
    public async Task AFormatWithoutASchemaIsAnyObject()
    {
        var response = await _client.GetResponseAsync(
            Ask, new ChatOptions { MaxOutputTokens = 20, ResponseFormat = ChatResponseFormat.Json });
        Assert.StartsWith("{", response.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnUnsupportedSchemaIsRefusedWithItsPlace()
    {
        var schema = JsonDocument.Parse("""{"type":"array","uniqueItems":true}""").RootElement;
        var error = await Assert.ThrowsAsync<ConstraintException>(() => Task.Run(() => _client.GetResponseAsync(
            Ask, new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema) })));
        Assert.Equal(("#/uniqueItems", "uniqueItems"), (error.Pointer, error.Keyword));
    }

    private enum PetKind
    {
        Cat,
        Dog,
    }

    private sealed record Pet(PetKind Kind, bool Good, PetKind Friend);
}
