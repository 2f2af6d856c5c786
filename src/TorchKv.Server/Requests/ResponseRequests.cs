using System.Text.Json;
using TorchKv.Extensions.AI.Options;
using TorchKv.Extensions.AI.Templates;
using TorchKv.Server.Configuration;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Models;

namespace TorchKv.Server.Requests;

/// <summary>Turns a request for a response into a plan.</summary>
internal sealed class ResponseRequests(TorchKvServerOptions limits, FieldRules rules)
{
    /// <summary>The plan of a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="model">The model that it names.</param>
    /// <param name="salt">The salt of its cached blocks, from the salt that it names.</param>
    /// <exception cref="ApiException">A field has a value that it cannot have.</exception>
    public GenerationPlan Plan(ResponseRequest request, ServedModel model, Func<string?, string?> salt)
    {
        Refuse(request);
        FieldRules.CheckRange("temperature", request.Temperature, 0, 2);
        FieldRules.CheckRange("top_p", request.TopP, 0, 1);
        var turns = Turns(request);
        PromptLimit.Check(turns.Sum(turn => (long)turn.Text.Length), model, "input");
        var prompt = model.Template.Render(turns);
        var asked = new RequestedOptions
        {
            MaxTokensField = "max_output_tokens",
            MaxTokens = request.MaxOutputTokens,
            Temperature = (float?)request.Temperature,
            TopP = (float?)request.TopP,
            Seed = request.Seed,
            Stop = prompt.Stop,
            Priority = request.Priority,
            CacheSalt = salt(FieldRules.Salt(request.CacheSalt)),
            Constraint = AnswerFormats.OfFormat(Format(request), "text.format", inside: null),
        };
        var ids = ResumedPrompt.Of(request.Resume) ?? Cut(prompt.Encode(model.Tokenizer), request, model);
        var options = asked.ToGenerationOptions(
            model.Generator.Model,
            ids.Count) with
        { Deadline = limits.RequestTimeout };
        return new GenerationPlan
        {
            Id = FieldRules.AnswerId("resp_", null),
            Model = model,
            PromptField = "input",
            Prompts = [new PlannedPrompt(ids, options)],
            Samples = 1,
            IsStream = request.Stream == true,
            TrimsAnswerStart = prompt.TrimsAnswerStart,
            ChatTemplate = model.Template.Name,
            IgnoredFields = [.. rules.Unknown(request.Unknown), .. FieldRules.Ignored("tools", request.Tools)],
        };
    }

    /// <summary>The form that the answer's text has.</summary>
    /// <param name="request">A request whose form has been checked.</param>
    public static ResponseTextFormat TextFormat(ResponseRequest request)
    {
        var format = Format(request);
        return JsonFields.Named(format, "type") is { } type
            ? new ResponseTextFormat
            {
                Type = type,
                Name = Member("name"),
                Description = Member("description"),
                Schema = Member("schema"),
                Strict = Member("strict"),
            }
            : new ResponseTextFormat();

        JsonElement? Member(string name)
            => type == "json_schema" && format!.Value.TryGetProperty(name, out var value) ? value : null;
    }

    private static JsonElement? Format(ResponseRequest request)
        => request.Text is { ValueKind: JsonValueKind.Object } text && text.TryGetProperty("format", out var format)
            ? format
            : null;

    private static IReadOnlyList<int> Cut(IReadOnlyList<int> ids, ResponseRequest request, ServedModel model)
    {
        var room = model.Generator.Model.ContextLength - Math.Max(1, request.MaxOutputTokens ?? 1);
        return request.Truncation switch
        {
            null or "disabled" => ids,
            "auto" => room < 1 || ids.Count <= room ? ids : [.. ids.Skip(ids.Count - room)],
            _ => throw ApiException.Invalid("truncation", "truncation must be disabled or auto."),
        };
    }

    private static List<ChatTurn> Turns(ResponseRequest request)
    {
        var turns = new List<ChatTurn>();
        if (!string.IsNullOrEmpty(request.Instructions))
        {
            turns.Add(new ChatTurn(ChatTurnRole.System, request.Instructions));
        }

        if (JsonFields.IsNull(request.Input))
        {
            throw ApiException.Invalid("input", "input is missing.", "missing_field");
        }

        var input = request.Input!.Value;
        if (input.ValueKind == JsonValueKind.String)
        {
            turns.Add(new ChatTurn(ChatTurnRole.User, JsonFields.Text(input, "input")));
        }
        else if (input.ValueKind == JsonValueKind.Array && input.GetArrayLength() > 0)
        {
            turns.AddRange(input.EnumerateArray().Select((item, i) => Turn(item, $"input[{i}]")));
        }
        else
        {
            throw ApiException.Invalid(
                "input",
                "input must be a text or a list of at least one message.",
                "invalid_type");
        }

        return turns;
    }

    private static ChatTurn Turn(JsonElement item, string where)
    {
        if (item.ValueKind != JsonValueKind.Object)
        {
            throw ApiException.Invalid(where, $"{where} must be an object.", "invalid_type");
        }

        switch (JsonFields.Named(item, "type") ?? "message")
        {
            case "message":
                return item.TryGetProperty("content", out var content)
                    ? new ChatTurn(
                        ChatMessages.Role(JsonFields.Named(item, "role"), $"{where}.role"),
                        ChatMessages.Content(content, $"{where}.content"))
                    : throw ApiException.Invalid($"{where}.content", $"{where}.content is missing.", "missing_field");
            case "function_call":
                return new ChatTurn(ChatTurnRole.Assistant, item.GetRawText());
            case "function_call_output" when item.TryGetProperty("output", out var output):
                return new ChatTurn(
                    ChatTurnRole.Tool,
                    output.ValueKind == JsonValueKind.String ? JsonFields.Text(
                        output,
                        $"{where}.output") : output.GetRawText());
            default:
                throw ApiException.Invalid(
                    $"{where}.type",
                    $"{where}.type must be message, function_call or function_call_output.",
                    "unsupported_value");
        }
    }

    private static void Refuse(ResponseRequest request)
    {
        const string Stored = "left out: nothing is stored here";
        Stateless(request.PreviousResponseId is not null, "previous_response_id");
        Stateless(!JsonFields.IsNull(request.Conversation), "conversation");
        Stateless(!JsonFields.IsNull(request.Prompt), "prompt");
        FieldRules.RefuseIf(request.Background == true, "background", "false");
        JsonFields.CheckUnicode(request.Metadata, "metadata");
        FieldRules.RefuseIf(!JsonFields.IsEmpty(request.Include), "include", "empty");
        FieldRules.RefuseIf(!JsonFields.IsEmpty(request.ContextManagement), "context_management", "left out");
        FieldRules.RefuseIf(!JsonFields.IsNull(request.Moderation), "moderation", "left out");
        FieldRules.RefuseIf(request.TopLogprobs is not (null or 0), "top_logprobs", "0");
        ChatRequests.RefuseTools(request.ToolChoice, "tool_choice");
        static void Stateless(bool isSet, string param)
        {
            if (isSet)
            {
                throw ApiException.Invalid(param, $"{param} must be {Stored}.", "unsupported_value");
            }
        }
    }
}
