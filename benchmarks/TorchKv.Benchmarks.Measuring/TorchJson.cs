using System.Text.Json.Serialization;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>The messages of workers over libtorch.</summary>
[JsonSerializable(typeof(TorchRequest))]
[JsonSerializable(typeof(TorchAnswer))]
[JsonSerializable(typeof(TorchReady))]
internal sealed partial class TorchJson : JsonSerializerContext;
