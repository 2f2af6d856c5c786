namespace TorchKv.Edges.Tests.Kubernetes;

/// <summary>Labels that a kustomization gives every object.</summary>
public sealed class KustomizationLabels
{
    public Dictionary<string, string> Pairs { get; set; } = [];
}
