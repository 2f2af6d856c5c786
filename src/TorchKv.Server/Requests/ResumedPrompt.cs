using TorchKv.Server.Contracts;
using TorchKv.Server.Errors;

namespace TorchKv.Server.Requests;

/// <summary>The prompt of a resumed chat, whose ids are given so that its text is not turned into others.</summary>
internal static class ResumedPrompt
{
    /// <summary>The ids; null where the text says them.</summary>
    /// <exception cref="ApiException">There is not exactly one list of ids.</exception>
    public static IReadOnlyList<int>? Of(ResumeFields? resume) => resume?.PromptTokenIds switch
    {
        null => null,
        [{ Length: > 0 } ids] => ids,
        _ => throw ApiException.Invalid(
            "resume.prompt_token_ids", "resume.prompt_token_ids must have one list of at least one token id."),
    };
}
