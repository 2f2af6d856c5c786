using TorchKv.Runtime.Contracts;
using TorchKv.Server.Errors;
using TorchKv.Server.Models;

namespace TorchKv.Server.Requests;

/// <summary>The field <c>speculation</c>: how a request's tokens are drafted ahead.</summary>
internal static class DraftingField
{
    private const string Name = "speculation";

    /// <summary>How the tokens of a request are drafted; null: they are not.</summary>
    /// <param name="asked">The field; null where the request leaves it out.</param>
    /// <param name="model">The model, whose own setting holds where the field is left out.</param>
    /// <exception cref="ApiException">The field names no way of drafting.</exception>
    public static SpeculationOptions? Of(string? asked, ServedModel model) => asked switch
    {
        null => model.Speculation,
        "none" => null,
        "prompt_lookup" => From(DraftSource.PromptLookup, model),
        "draft_model" => From(DraftSource.DraftModel, model),
        _ => throw ApiException.Invalid(
            Name,
            $"{Name} must be none, prompt_lookup or draft_model.",
            "unsupported_value"),
    };

    /// <summary>The model's own setting where it drafts from the same source, else that source's defaults.</summary>
    private static SpeculationOptions From(DraftSource source, ServedModel model) =>
        model.Speculation is { } own && own.Source == source ? own : new SpeculationOptions { Source = source };
}
