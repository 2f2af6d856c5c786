using System.Text.Json;
using Microsoft.AspNetCore.Http;
using TorchKv.Server.Answers;
using TorchKv.Server.Configuration;
using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Models;
using TorchKv.Server.Requests;

namespace TorchKv.Server.Endpoints;

/// <summary>Text to token ids and back.</summary>
internal sealed class TokenEndpoints(TorchKvServerOptions options, ModelHost models)
{
    public async Task TokenizeAsync(HttpContext context)
    {
        var request = await BodyReader.ReadAsync(
            context,
            ServerJson.Default.TokenizeRequest,
            options.MaxBodyBytes).ConfigureAwait(false);
        var model = FindOrOnly(request.Model);
        if (request.Prompt is null == request.Messages is null)
        {
            throw ApiException.Invalid("prompt", "Either prompt or messages must be given.", "missing_field");
        }

        IReadOnlyList<int> ids;
        if (request.Prompt is { } prompt)
        {
            PromptLimit.Check(prompt.Length, model, "prompt");
            ids = model.Tokenizer.Encode(prompt, recognizeSpecialTokens: false);
        }
        else
        {
            var turns = ChatMessages.Turns(request.Messages);
            PromptLimit.Check(turns.Sum(turn => (long)turn.Text.Length), model, "messages");
            ids = model.Template.Render(
                turns,
                ChatRequests.Ending(request.AddGenerationPrompt, request.ContinueFinalMessage)).Encode(model.Tokenizer);
        }

        var names = new TokenNames(model.Tokenizer, byIds: false);
        var answer = new TokenizeResponse
        {
            Count = ids.Count,
            MaxModelLen = model.Generator.Model.ContextLength,
            Tokens = ids,
            TokenStrs = request.ReturnTokenStrs == true ? [.. ids.Select(names.OfChat)] : null,
        };
        await JsonAnswer.WriteAsync(
            context,
            JsonSerializer.SerializeToUtf8Bytes(answer, ServerJson.Answers.TokenizeResponse)).ConfigureAwait(false);
    }

    public async Task DetokenizeAsync(HttpContext context)
    {
        var request = await BodyReader.ReadAsync(
            context,
            ServerJson.Default.DetokenizeRequest,
            options.MaxBodyBytes).ConfigureAwait(false);
        var model = FindOrOnly(request.Model);
        var tokens = request.Tokens ?? throw ApiException.Invalid("tokens", "tokens is missing.", "missing_field");
        var vocabSize = model.Generator.Model.VocabSize;
        for (var i = 0; i < tokens.Length; i++)
        {
            if ((uint)tokens[i] >= (uint)vocabSize)
            {
                throw ApiException.Invalid(
                    "tokens",
                    $"tokens[{i}] is {tokens[i]}, but must be a token id from 0 to {vocabSize - 1}.");
            }
        }

        var answer = new DetokenizeResponse { Prompt = model.Tokenizer.Decode(tokens) };
        await JsonAnswer.WriteAsync(
            context,
            JsonSerializer.SerializeToUtf8Bytes(answer, ServerJson.Answers.DetokenizeResponse)).ConfigureAwait(false);
    }

    /// <summary>The model may be left out: there is one.</summary>
    private ServedModel FindOrOnly(string? name) => name is null ? models.Use() : models.Find(name);
}
