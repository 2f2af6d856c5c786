using System.Text.Json;
using TorchKv.Extensions.AI.Options;
using TorchKv.Server.Configuration;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Models;

namespace TorchKv.Server.Requests;

/// <summary>Turns a request for completions into a plan.</summary>
internal sealed class CompletionRequests(TorchKvServerOptions limits, FieldRules rules)
{
    /// <summary>OpenAI's default.</summary>
    private const int DefaultMaxTokens = 16;

    /// <summary>The plan of a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="model">The model that it names.</param>
    /// <param name="salt">The salt of its cached blocks, from the salt that it names.</param>
    /// <exception cref="ApiException">A field has a value that it cannot have.</exception>
    public GenerationPlan Plan(CompletionRequest request, ServedModel model, Func<string?, string?> salt)
    {
        FieldRules.RefuseIf(!string.IsNullOrEmpty(request.Suffix), "suffix", "empty");
        FieldRules.RefuseIf(request.BestOf is { } best && best != 1 && best != (request.N ?? 1), "best_of", "1 or n");
        var asked = rules.Map(request, model.Generator.Model.VocabSize);
        var logProbs = rules.LogProbs("logprobs", request.Logprobs);
        var echoes = request.Echo == true;
        asked = asked with
        {
            MaxTokens = request.MaxTokens ?? DefaultMaxTokens,
            LogProbs = logProbs,
            PromptLogProbs = echoes && logProbs is not null,
            CacheSalt = salt(asked.CacheSalt),
        };
        var given = request.Resume?.PromptTokenIds;
        var prompts = given ?? Prompts(request.Prompt, model);
        rules.CheckWork(prompts.Count, asked.Samples ?? 1, Math.Max(0, asked.MaxTokens ?? 0), logProbs);
        var plan = new GenerationPlan
        {
            Id = FieldRules.AnswerId("cmpl-", request.RequestId),
            Model = model,
            PromptField = "prompt",
            Prompts = [.. prompts.Select(ids => Planned(
                given is null ? Truncation.Apply(ids, request, asked.MaxTokens ?? 0, model) : ids,
                asked,
                model))],
            Samples = asked.Samples ?? 1,
            LogProbs = logProbs,
            Echoes = echoes,
            IgnoredFields = rules.Unknown(request.Unknown),
        };
        return FieldRules.WithStream(plan, request);
    }

    private PlannedPrompt Planned(IReadOnlyList<int> ids, RequestedOptions asked, ServedModel model)
        => new(
            ids,
            asked.ToGenerationOptions(model.Generator.Model, ids.Count) with { Deadline = limits.RequestTimeout });

    private IReadOnlyList<IReadOnlyList<int>> Prompts(JsonElement? field, ServedModel model)
    {
        if (JsonFields.IsNull(field))
        {
            return [Encode("", model)];
        }

        var value = field!.Value;
        if (value.ValueKind == JsonValueKind.String)
        {
            return [Encode(JsonFields.Text(value, "prompt"), model)];
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0)
        {
            throw ApiException.Invalid(
                "prompt",
                "prompt must be a text, a list of texts, a list of token ids, or a list of such lists.",
                "invalid_type");
        }

        if (value[0].ValueKind == JsonValueKind.Number)
        {
            return [JsonFields.Ids(value, "prompt", model.Generator.Model.VocabSize)];
        }

        return value.GetArrayLength() <= limits.MaxChoices
            ? [.. value.EnumerateArray().Select((item, i) => One(item, $"prompt[{i}]", model))]
            : throw ApiException.Invalid(
                "prompt",
                $"prompt has {value.GetArrayLength()} prompts; {limits.MaxChoices} are the most.",
                "request_too_large");
    }

    private static IReadOnlyList<int> One(JsonElement item, string param, ServedModel model) => item.ValueKind switch
    {
        JsonValueKind.String => Encode(JsonFields.Text(item, param), model),
        JsonValueKind.Array when item.GetArrayLength() > 0 => JsonFields.Ids(
            item,
            param,
            model.Generator.Model.VocabSize),
        _ => throw ApiException.Invalid(
            param,
            $"{param} must be a text or a list of at least one token id.",
            "invalid_type"),
    };

    /// <summary>Text never becomes a special token; a caller who wants one sends ids.</summary>
    private static IReadOnlyList<int> Encode(string text, ServedModel model) =>
        text.Length > 0 ? Tokenize(text, model)
        : (model.Generator.Model.BosTokenId ?? model.Tokenizer.EndOfTextId) is { } begin ? [begin]
        : throw ApiException.Invalid("prompt", "prompt is empty, and the model has no token that begins a text.");

    private static IReadOnlyList<int> Tokenize(string text, ServedModel model)
    {
        PromptLimit.Check(text.Length, model, "prompt");
        return model.Tokenizer.Encode(text, recognizeSpecialTokens: false);
    }
}
