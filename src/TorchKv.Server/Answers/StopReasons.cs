using System.Globalization;
using System.Text.Json;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Answers;

/// <summary>vLLM's <c>stop_reason</c>.</summary>
internal static class StopReasons
{
    /// <summary>The stop text or the stop token's id; null where neither ended the answer.</summary>
    public static JsonElement? Of(StopReason? reason) => reason switch
    {
        { TokenId: { } id } => JsonElement.Parse(id.ToString(CultureInfo.InvariantCulture)),
        { Text: { } text } => JsonElement.Parse($"\"{JsonEncodedText.Encode(text)}\""),
        _ => null,
    };
}
