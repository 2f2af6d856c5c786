using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace TorchKv.Server.OpenApi;

/// <summary>How the OpenAPI document is written.</summary>
[JsonSourceGenerationOptions(WriteIndented = true)]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class DocumentJson : JsonSerializerContext;
