using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TorchKv.Batch.Contracts;

/// <summary>How the types of files and batches are read and written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, MaxDepth = 64)]
[JsonSerializable(typeof(BatchRequest))]
[JsonSerializable(typeof(BatchObject))]
[JsonSerializable(typeof(BatchList))]
[JsonSerializable(typeof(BatchErrors))]
[JsonSerializable(typeof(FileObject))]
[JsonSerializable(typeof(FileList))]
[JsonSerializable(typeof(DeletedFile))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
internal sealed partial class BatchJson : JsonSerializerContext
{
    /// <summary>For answers: text is written as it is, in UTF-8. They are JSON and never part of a web page.</summary>
    public static BatchJson Answers => Relaxed.Context;

    // Apart from the context's own static members, whose order among files is not fixed.
    private static class Relaxed
    {
        public static readonly BatchJson Context = new(new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            MaxDepth = 64,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        });
    }
}
