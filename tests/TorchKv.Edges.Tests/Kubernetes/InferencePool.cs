using k8s.Models;

namespace TorchKv.Edges.Tests.Kubernetes;

/// <summary>
/// An InferencePool of <c>inference.networking.k8s.io/v1</c>, with the fields of a pool that its definition has and
/// <see cref="Mistakes"/> for what the definition wants of their values.
/// </summary>
public sealed class InferencePool
{
    public string? ApiVersion { get; set; }

    public string? Kind { get; set; }

    public V1ObjectMeta? Metadata { get; set; }

    public InferencePoolSpec? Spec { get; set; }

    /// <summary>What the definition would refuse.</summary>
    public IEnumerable<string> Mistakes() =>
        Metadata?.Name is null ? ["metadata.name is missing"]
        : Spec is null ? ["spec is missing"]
        : Spec.Mistakes();
}
