using System.Text.Json;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>Which stop ended an answer, in JSON.</summary>
internal static class StopReasonJson
{
    /// <summary>Writes <c>stop_reason</c>, the stop text or the stop id, where one of them ended the answer.</summary>
    public static void Write(Utf8JsonWriter writer, StopReason? stop)
    {
        if (stop is { TokenId: { } id })
        {
            writer.WriteNumber("stop_reason", id);
        }
        else if (stop is { Text: { } text })
        {
            writer.WriteString("stop_reason", text);
        }
    }
}
