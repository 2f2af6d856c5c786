using TorchKv.Extensions.AI.Templates;
using TorchKv.Server.Configuration;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Models;

namespace TorchKv.Server.Requests;

/// <summary>Turns a request for chat completions into a plan.</summary>
internal sealed class ChatRequests(TorchKvServerOptions limits, FieldRules rules)
{
    /// <summary>The plan of a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="model">The model that it names.</param>
    /// <param name="salt">The salt of its cached blocks, from the salt that it names.</param>
    /// <exception cref="ApiException">A field has a value that it cannot have.</exception>
    public GenerationPlan Plan(ChatCompletionRequest request, ServedModel model, Func<string?, string?> salt)
    {
        Refuse(request);
        var turns = ChatMessages.Turns(request.Messages);
        PromptLimit.Check(turns.Sum(turn => (long)turn.Text.Length), model, "messages");
        var template = Template(request.ChatTemplate, model);
        var prompt = template.Render(turns, Ending(request.AddGenerationPrompt, request.ContinueFinalMessage));
        var logProbs = LogProbs(request);
        var asked = rules.Map(request, model.Generator.Model.VocabSize);
        asked = asked with
        {
            MaxTokensField = request.MaxCompletionTokens is null ? "max_tokens" : "max_completion_tokens",
            MaxTokens = request.MaxCompletionTokens ?? request.MaxTokens,
            LogProbs = logProbs,
            Stop = [.. prompt.Stop, .. asked.Stop ?? []],
            CacheSalt = salt(asked.CacheSalt),
        };
        var ids = ResumedPrompt.Of(request.Resume)
            ?? Truncation.Apply(prompt.Encode(model.Tokenizer), request, asked.MaxTokens ?? 0, model);
        var options = asked.ToGenerationOptions(
            model.Generator.Model,
            ids.Count) with
        { Deadline = limits.RequestTimeout };
        rules.CheckWork(prompts: 1, options.Samples, options.MaxNewTokens, logProbs);
        var plan = new GenerationPlan
        {
            Id = FieldRules.AnswerId("chatcmpl-", request.RequestId),
            Model = model,
            PromptField = "messages",
            Prompts = [new PlannedPrompt(ids, options)],
            Samples = options.Samples,
            LogProbs = logProbs,
            TrimsAnswerStart = prompt.TrimsAnswerStart,
            ChatTemplate = template.Name,
            IgnoredFields = [.. rules.Unknown(request.Unknown), .. FieldRules.Ignored("tools", request.Tools)],
        };
        return FieldRules.WithStream(plan, request);
    }

    /// <summary>How a chat's prompt ends.</summary>
    /// <exception cref="ApiException">The two fields speak against each other.</exception>
    public static ChatEnding Ending(
        bool? addGenerationPrompt,
        bool? continueFinalMessage) => (addGenerationPrompt, continueFinalMessage) switch
        {
            (true, true) => throw ApiException.Invalid(
                "continue_final_message",
                "continue_final_message and add_generation_prompt cannot both be true."),
            (_, true) => ChatEnding.OpenLastTurn,
            (false, _) => ChatEnding.ClosedLastTurn,
            _ => ChatEnding.NewAnswer,
        };

    private static IChatTemplate Template(
        string? name,
        ServedModel model) => name is null || name == model.Template.Name
        ? model.Template
        : ChatTemplates.Find(name) ?? throw ApiException.Invalid(
            "chat_template",
            $"chat_template must be one of {string.Join(", ", ChatTemplates.Names)}: others are not interpreted.",
            "unsupported_value");

    private int? LogProbs(ChatCompletionRequest request)
    {
        var top = rules.LogProbs("top_logprobs", request.TopLogprobs);
        return request.Logprobs == true ? top ?? 0
            : top is null or 0 ? null
            : throw ApiException.Invalid("top_logprobs", "top_logprobs is of use only with logprobs true.");
    }

    private static void Refuse(ChatCompletionRequest request)
    {
        RefuseTools(request.ToolChoice, "tool_choice");
        RefuseTools(request.FunctionCall, "function_call");
        FieldRules.RefuseIf(!JsonFields.IsEmpty(request.Functions), "functions", "left out");
        FieldRules.RefuseIf(!JsonFields.IsEmpty(request.Audio), "audio", "left out");
        FieldRules.RefuseIf(!JsonFields.IsNull(request.WebSearchOptions), "web_search_options", "left out");
        FieldRules.RefuseIf(!JsonFields.IsNull(request.Moderation), "moderation", "left out");
        FieldRules.RefuseIf(!JsonFields.IsEmpty(request.ChatTemplateKwargs), "chat_template_kwargs", "left out");
        FieldRules.RefuseIf(request.Echo == true, "echo", "false");
        if (!JsonFields.IsEmpty(request.Modalities))
        {
            FieldRules.RefuseIf(
                JsonFields.Texts(request.Modalities, "modalities").Any(modality => modality != "text"),
                "modalities",
                "[\"text\"]");
        }
    }

    /// <summary>
    /// A model that was not trained on tools cannot be made to call one; it may answer with text instead.
    /// </summary>
    public static void RefuseTools(System.Text.Json.JsonElement? choice, string param)
    {
        if (!JsonFields.IsNull(choice))
        {
            var isFine = choice!.Value.ValueKind == System.Text.Json.JsonValueKind.String && JsonFields.Text(
                choice.Value,
                param) is "auto" or "none";
            FieldRules.RefuseIf(!isFine, param, "auto or none");
        }
    }
}
