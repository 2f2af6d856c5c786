using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Models;

namespace TorchKv.Server.Requests;

/// <summary>Cuts prompts where a request asks for it.</summary>
internal static class Truncation
{
    /// <summary>A prompt, cut as <c>truncate_prompt_tokens</c> and <c>truncation_side</c> say.</summary>
    /// <param name="ids">The prompt.</param>
    /// <param name="fields">The request.</param>
    /// <param name="maxTokens">Tokens to generate, for which -1 leaves room.</param>
    /// <param name="model">The model.</param>
    /// <exception cref="ApiException">A field has a value that it cannot have.</exception>
    public static IReadOnlyList<int> Apply(
        IReadOnlyList<int> ids,
        GenerationFields fields,
        int maxTokens,
        ServedModel model)
    {
        if (fields.TruncationSide is not (null or "left" or "right"))
        {
            throw ApiException.Invalid("truncation_side", "truncation_side must be left or right.");
        }

        if (fields.TruncatePromptTokens is not { } asked)
        {
            return ids;
        }

        var keep = asked switch
        {
            -1 => model.Generator.Model.ContextLength - Math.Max(1, maxTokens),
            >= 1 => asked,
            _ => throw ApiException.Invalid(
                "truncate_prompt_tokens",
                $"truncate_prompt_tokens is {asked}, but must be -1 or at least 1."),
        };
        return keep < 1 || ids.Count <= keep ? ids
            : fields.TruncationSide == "right" ? [.. ids.Take(keep)]
            : [.. ids.Skip(ids.Count - keep)];
    }
}
