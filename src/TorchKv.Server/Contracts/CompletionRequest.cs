using System.ComponentModel;
using System.Text.Json;

namespace TorchKv.Server.Contracts;

/// <summary>A request for completions.</summary>
internal sealed record CompletionRequest : GenerationFields
{
    [Description(
        "A text, a list of texts, a list of token ids, or a list of such lists. Default: the end-of-text token.")]
    public JsonElement? Prompt { get; init; }

    [Description("The most tokens to generate. Default 16.")]
    public int? MaxTokens { get; init; }

    [Description("Log-probabilities for each token: how many of the best in addition to its own, 0 to 20.")]
    public int? Logprobs { get; init; }

    [Description("Whether the prompt is part of the text. With max_tokens 0 and logprobs the prompt is scored.")]
    public bool? Echo { get; init; }

    [Description("1 or n; others are refused.")]
    public int? BestOf { get; init; }

    [Description("Refused unless empty.")]
    public string? Suffix { get; init; }
}
