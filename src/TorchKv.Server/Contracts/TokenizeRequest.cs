using System.ComponentModel;

namespace TorchKv.Server.Contracts;

/// <summary>A text or a chat to turn into token ids.</summary>
internal sealed record TokenizeRequest
{
    [Description("The model's id, or one of its other names.")]
    public string? Model { get; init; }

    [Description("The text; this or messages.")]
    public string? Prompt { get; init; }

    [Description("The chat; this or prompt.")]
    public ChatMessageFields[]? Messages { get; init; }

    [Description("Whether a chat's prompt ends with the words that begin an answer. Default true.")]
    public bool? AddGenerationPrompt { get; init; }

    [Description("Whether the last message is continued; with add_generation_prompt false.")]
    public bool? ContinueFinalMessage { get; init; }

    [Description("Accepted; GPT-2 adds none.")]
    public bool? AddSpecialTokens { get; init; }

    [Description("Whether the tokens' texts are given too.")]
    public bool? ReturnTokenStrs { get; init; }
}
