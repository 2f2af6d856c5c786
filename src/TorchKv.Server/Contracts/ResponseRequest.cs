using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TorchKv.Server.Contracts;

/// <summary>A request for a response; nothing is stored.</summary>
internal sealed record ResponseRequest
{
    [Description("The model's id, or one of its other names.")]
    public string? Model { get; init; }

    [Description("A text, or a list of messages.")]
    public JsonElement? Input { get; init; }

    [Description("Told to the model first.")]
    public string? Instructions { get; init; }

    [Description("The most tokens to generate. Default: as many as the context has room for.")]
    public int? MaxOutputTokens { get; init; }

    [Description("Divides the logits before sampling, 0 to 2; 0 takes the best token. Default 1.")]
    public double? Temperature { get; init; }

    [Description("Keeps the smallest set of best tokens whose probabilities sum to this, 0 to 1.")]
    public double? TopP { get; init; }

    [Description("Refused unless 0.")]
    public int? TopLogprobs { get; init; }

    [Description("Whether the answer comes as server-sent events.")]
    public bool? Stream { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? StreamOptions { get; init; }

    [Description("Accepted; nothing is stored.")]
    public bool? Store { get; init; }

    [Description("The form of the answer: format is text, json_object or json_schema.")]
    public JsonElement? Text { get; init; }

    [Description("Ignored with tool_choice auto or none.")]
    public JsonElement? Tools { get; init; }

    [Description("auto or none; others are refused.")]
    public JsonElement? ToolChoice { get; init; }

    [Description("disabled (default), or auto, which cuts the oldest tokens of a chat that is too long.")]
    public string? Truncation { get; init; }

    [Description("Given back; it changes nothing.")]
    public JsonElement? Metadata { get; init; }

    [Description("Accepted; it changes nothing.")]
    public string? User { get; init; }

    [Description("Requests find each other's cached blocks only under the same salt and key, 1 to 1024 characters.")]
    public string? CacheSalt { get; init; }

    [Description("Lower runs first. Default 0.")]
    public int? Priority { get; init; }

    [Description("The sampler's seed; the same seed gives the same answer.")]
    public long? Seed { get; init; }

    [Description("Refused: nothing is stored.")]
    public string? PreviousResponseId { get; init; }

    [Description("Refused: nothing is stored.")]
    public JsonElement? Conversation { get; init; }

    [Description("Refused: there are no stored prompts.")]
    public JsonElement? Prompt { get; init; }

    [Description("Refused if true.")]
    public bool? Background { get; init; }

    [Description("Refused unless empty.")]
    public JsonElement? Include { get; init; }

    [Description("Refused.")]
    public JsonElement? ContextManagement { get; init; }

    [Description("Refused.")]
    public JsonElement? Moderation { get; init; }

    [Description("Accepted; no tool is called.")]
    public JsonElement? MaxToolCalls { get; init; }

    [Description("Accepted; no tool is called.")]
    public JsonElement? ParallelToolCalls { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? Reasoning { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? ServiceTier { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? PromptCacheKey { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? PromptCacheOptions { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? PromptCacheRetention { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? SafetyIdentifier { get; init; }

    [Description("Refused but from a router: goes on with a stream that was cut.")]
    public ResumeFields? Resume { get; init; }

    /// <summary>Fields that no version of the interface has.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Unknown { get; set; }
}
