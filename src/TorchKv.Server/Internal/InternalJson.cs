using System.Text.Json.Serialization;

namespace TorchKv.Server.Internal;

/// <summary>How routers and replicas write to each other.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    IgnoreReadOnlyProperties = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    Converters = [typeof(ConstraintConverter)],
    MaxDepth = 128)]
[JsonSerializable(typeof(InternalRequest))]
[JsonSerializable(typeof(InternalPiece))]
[JsonSerializable(typeof(ReplicaStatus))]
internal sealed partial class InternalJson : JsonSerializerContext;
