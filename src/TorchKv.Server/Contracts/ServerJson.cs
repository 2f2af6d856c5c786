using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TorchKv.Server.Contracts;

/// <summary>How the interface's types are read and written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, MaxDepth = MaxDepth)]
[JsonSerializable(typeof(CompletionRequest))]
[JsonSerializable(typeof(ChatCompletionRequest))]
[JsonSerializable(typeof(ResponseRequest))]
[JsonSerializable(typeof(TokenizeRequest))]
[JsonSerializable(typeof(DetokenizeRequest))]
[JsonSerializable(typeof(ErrorResponse))]
[JsonSerializable(typeof(ModelCard))]
[JsonSerializable(typeof(ModelList))]
[JsonSerializable(typeof(Completion))]
[JsonSerializable(typeof(ChatCompletion))]
[JsonSerializable(typeof(ChatChunk))]
[JsonSerializable(typeof(UsageInfo))]
[JsonSerializable(typeof(TokenizeResponse))]
[JsonSerializable(typeof(DetokenizeResponse))]
[JsonSerializable(typeof(RenderedPrompt))]
[JsonSerializable(typeof(VersionInfo))]
[JsonSerializable(typeof(StateInfo))]
[JsonSerializable(typeof(ResponseObject))]
[JsonSerializable(typeof(ResponseEvent))]
[JsonSerializable(typeof(IReadOnlyList<RenderedPrompt>))]
internal sealed partial class ServerJson : JsonSerializerContext
{
    /// <summary>How deep a body's objects and lists may nest.</summary>
    public const int MaxDepth = 64;

    /// <summary>For answers: text is written as it is, in UTF-8. They are JSON and never part of a web page.</summary>
    public static ServerJson Answers => Relaxed.Context;

    // Apart from the context's own static members, whose order among files is not fixed.
    private static class Relaxed
    {
        public static readonly ServerJson Context = new(new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            MaxDepth = MaxDepth,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });
    }
}
