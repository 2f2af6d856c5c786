using System.Text.Json;
using Microsoft.Extensions.AI;
using TorchKv.Extensions.AI.Options;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Extensions.AI.Tests.Chat;

public sealed class ChatOptionsMappingTests(StorytellerEngine storyteller)
{
    private readonly IChatClient _client = storyteller.Engine.AsIChatClient();

    [Fact]
    public void EveryHonouredOptionArrives()
    {
        var options = Map(new ChatOptions
        {
            Temperature = 0.5f,
            MaxOutputTokens = 7,
            TopP = 0.9f,
            TopK = 40,
            Seed = -1,
            StopSequences = ["a", "b"],
            AdditionalProperties = new AdditionalPropertiesDictionary
            {
                ["cache_salt"] = "tenant",
                ["priority"] = 3,
                ["min_p"] = 0.25,
                ["repetition_penalty"] = JsonSerializer.SerializeToElement(1.5),
            },
        });
        Assert.Equal(0.5f, options.Temperature);
        Assert.Equal(7, options.MaxNewTokens);
        Assert.Equal(0.9f, options.TopP);
        Assert.Equal(40, options.TopK);
        Assert.Equal(ulong.MaxValue, options.Seed);
        Assert.Equal(["a", "b"], options.Stop);
        Assert.Equal("tenant", options.CacheSalt);
        Assert.Equal(3, options.Priority);
        Assert.Equal(0.25f, options.MinP);
        Assert.Equal(1.5f, options.RepetitionPenalty);
    }

    [Fact]
    public void LeftOutOptionsAreOpenAIs()
    {
        var options = Map(null);
        Assert.Equal(1, options.Temperature);
        Assert.Equal(storyteller.Engine.Model.ContextLength - 10, options.MaxNewTokens);
    }

    [Fact]
    public void TemperatureZeroIsGreedy() => Assert.True(Map(new ChatOptions { Temperature = 0 }).IsGreedy);

    [Theory]
    [InlineData("priority", "high")]
    [InlineData("min_p", "lots")]
    [InlineData("cache_salt", 5)]
    public void AnAdditionalPropertyOfAnotherTypeIsRefused(string name, object value)
    {
        var options = new ChatOptions { AdditionalProperties = new AdditionalPropertiesDictionary { [name] = value } };
        Assert.Equal(name, Assert.Throws<OptionException>(() => Map(options)).Option);
    }

    [Fact]
    public void ARequiredToolIsRefused() => Assert.Equal(
        "tool_choice",
        Assert.Throws<OptionException>(() => Map(new ChatOptions { ToolMode = ChatToolMode.RequireAny })).Option);

    [Fact]
    public void AnotherRawTypeIsRefused()
        => Assert.Throws<NotSupportedException>(() => Map(new ChatOptions { RawRepresentationFactory = _ => "text" }));

    private GenerationOptions Map(ChatOptions? options)
        => ChatOptionsMapping.Map(options, _client, modelId: null).ToGenerationOptions(
            storyteller.Engine.Model,
            promptTokens: 10);
}
