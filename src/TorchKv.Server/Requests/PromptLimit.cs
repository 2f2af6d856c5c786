using TorchKv.Server.Errors;
using TorchKv.Server.Models;

namespace TorchKv.Server.Requests;

/// <summary>
/// Refuses texts that cannot fit the context before they are tokenized, which takes time in proportion to their length.
/// </summary>
internal static class PromptLimit
{
    /// <summary>Checks a text's length.</summary>
    /// <param name="length">UTF-16 code units of the text.</param>
    /// <param name="model">The model.</param>
    /// <param name="param">The field that the text came in.</param>
    /// <exception cref="ApiException">Were every token the longest one, it would not fit.</exception>
    public static void Check(long length, ServedModel model, string param)
    {
        var most = (long)model.Generator.Model.ContextLength * model.LongestToken;
        if (length > most)
        {
            throw ApiException.Invalid(
                param,
                $"{param} has {length} characters; a context of the longest tokens has room for {most}.",
                "context_length_exceeded");
        }
    }
}
