using System.ComponentModel;
using System.Text.Json;

namespace TorchKv.Server.Contracts;

/// <summary>A request for chat completions.</summary>
internal sealed record ChatCompletionRequest : GenerationFields
{
    [Description("The chat so far, at least one message.")]
    public ChatMessageFields[]? Messages { get; init; }

    [Description("The most tokens to generate. Default: as many as the context has room for.")]
    public int? MaxTokens { get; init; }

    [Description("The same under its newer name, which comes first.")]
    public int? MaxCompletionTokens { get; init; }

    [Description("Whether tokens have log-probabilities.")]
    public bool? Logprobs { get; init; }

    [Description("How many of the best tokens each token is shown with, 0 to 20; only with logprobs.")]
    public int? TopLogprobs { get; init; }

    [Description("Whether the prompt ends with the words that begin an answer. Default true.")]
    public bool? AddGenerationPrompt { get; init; }

    [Description("Whether the last message is continued; with add_generation_prompt false.")]
    public bool? ContinueFinalMessage { get; init; }

    [Description("One of transcript, plain, chatml instead of the server's template.")]
    public string? ChatTemplate { get; init; }

    [Description("Refused unless empty.")]
    public JsonElement? ChatTemplateKwargs { get; init; }

    [Description("Refused if true.")]
    public bool? Echo { get; init; }

    [Description("Ignored with tool_choice auto or none.")]
    public JsonElement? Tools { get; init; }

    [Description("auto or none; others are refused.")]
    public JsonElement? ToolChoice { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? ParallelToolCalls { get; init; }

    [Description("Refused unless empty.")]
    public JsonElement? Functions { get; init; }

    [Description("none or auto; others are refused.")]
    public JsonElement? FunctionCall { get; init; }

    [Description("text; others are refused.")]
    public JsonElement? Modalities { get; init; }

    [Description("Refused.")]
    public JsonElement? Audio { get; init; }

    [Description("Refused.")]
    public JsonElement? WebSearchOptions { get; init; }

    [Description("Refused.")]
    public JsonElement? Moderation { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? Prediction { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? ReasoningEffort { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? Verbosity { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? PromptCacheKey { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? PromptCacheOptions { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? PromptCacheRetention { get; init; }

    [Description("Accepted; it changes nothing.")]
    public JsonElement? SafetyIdentifier { get; init; }
}
