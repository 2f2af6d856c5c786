namespace TorchKv.Edges.Tests.Kubernetes;

/// <summary>The fields of a kustomization that this repository's files use.</summary>
public sealed class Kustomization
{
    public string? ApiVersion { get; set; }

    public string? Kind { get; set; }

    public List<string> Resources { get; set; } = [];

    public List<KustomizationLabels> Labels { get; set; } = [];

    public List<KustomizationImage> Images { get; set; } = [];
}
