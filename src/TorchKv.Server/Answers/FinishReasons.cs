using TorchKv.Runtime.Contracts;

namespace TorchKv.Server.Answers;

/// <summary>Why an answer ended, in OpenAI's words; clients know no others.</summary>
internal static class FinishReasons
{
    /// <summary>The word; null where the answer has not ended.</summary>
    public static string? Of(FinishReason? reason) => reason switch
    {
        null => null,
        FinishReason.Length => "length",
        _ => "stop",
    };
}
