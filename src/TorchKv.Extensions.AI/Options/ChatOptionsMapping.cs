using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured;

namespace TorchKv.Extensions.AI.Options;

/// <summary>What each member of <see cref="ChatOptions"/> becomes.</summary>
internal static class ChatOptionsMapping
{
    /// <summary>The options of a generation that a chat client was asked for.</summary>
    /// <param name="options">What the caller asks for; not changed.</param>
    /// <param name="client">The client, for <see cref="ChatOptions.RawRepresentationFactory"/>.</param>
    /// <param name="modelId">The model that the client serves; null: the caller may name any.</param>
    /// <exception cref="OptionException">An option has a value that it cannot have.</exception>
    /// <exception cref="NotSupportedException">An option asks for something that the client cannot do.</exception>
    public static RequestedOptions Map(ChatOptions? options, IChatClient client, string? modelId)
    {
        if (options is null)
        {
            return new RequestedOptions();
        }

        Refuse(options, modelId);
        return new RequestedOptions
        {
            Base = RawOptions(options, client),
            MaxTokensField = "max_output_tokens",
            MaxTokens = options.MaxOutputTokens,
            Temperature = options.Temperature,
            TopP = options.TopP,
            TopK = options.TopK,
            FrequencyPenalty = options.FrequencyPenalty,
            PresencePenalty = options.PresencePenalty,
            Seed = options.Seed,
            Stop = options.StopSequences is { } stop ? [.. stop] : null,
            MinP = Number(options, "min_p"),
            RepetitionPenalty = Number(options, "repetition_penalty"),
            Priority = Priority(options),
            CacheSalt = Text(options, "cache_salt"),
            Constraint = Format(options.ResponseFormat),
        };
    }

    private static void Refuse(ChatOptions options, string? modelId)
    {
        if (modelId is not null && options.ModelId is { } asked && asked != modelId)
        {
            throw new OptionException("model", asked, $"{modelId}, the model that is served");
        }

        if (options.ToolMode is RequiredChatToolMode)
        {
            throw new OptionException(
                "tool_choice",
                "required",
                "auto or none: this engine cannot be made to call a tool");
        }

        if (options.ConversationId is not null)
        {
            throw new NotSupportedException(
                "The client keeps no conversations: send all messages each time, without ConversationId.");
        }

#pragma warning disable MEAI001 // The members are experimental, but what they ask for must not be ignored silently.
        if (options.AllowBackgroundResponses == true || options.ContinuationToken is not null)
        {
            throw new NotSupportedException("The client has no background responses.");
        }
#pragma warning restore MEAI001
    }

    private static TokenConstraint? Format(ChatResponseFormat? format) => format switch
    {
        null or ChatResponseFormatText => null,
        ChatResponseFormatJson { Schema: { } schema } => TokenConstraint.JsonSchema(schema),
        ChatResponseFormatJson => TokenConstraint.JsonObject(),
        _ => throw new OptionException("response_format", format.GetType().Name, "text or JSON"),
    };

    private static GenerationOptions? RawOptions(ChatOptions options, IChatClient client) =>
        options.RawRepresentationFactory?.Invoke(client) switch
        {
            null => null,
            GenerationOptions raw => raw,
            var other => throw new NotSupportedException(
                $"RawRepresentationFactory gave {other.GetType()}; this client takes {nameof(GenerationOptions)}."),
        };

    private static object? Additional(ChatOptions options, string name)
        => options.AdditionalProperties?.TryGetValue(name, out var value) == true ? value : null;

    private static float? Number(ChatOptions options, string name) => Additional(options, name) switch
    {
        null => null,
        JsonElement { ValueKind: JsonValueKind.Number } json => (float)json.GetDouble(),
        IConvertible number and not string => number.ToSingle(CultureInfo.InvariantCulture),
        var other => throw new OptionException(name, $"{other}", "a number"),
    };

    private static int? Priority(ChatOptions options) => Additional(options, "priority") switch
    {
        null => null,
        int priority => priority,
        JsonElement { ValueKind: JsonValueKind.Number } json when json.TryGetInt32(out var priority) => priority,
        var other => throw new OptionException("priority", $"{other}", "a whole number"),
    };

    private static string? Text(ChatOptions options, string name) => Additional(options, name) switch
    {
        null => null,
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } json => json.GetString(),
        var other => throw new OptionException(name, $"{other}", "a text"),
    };
}
