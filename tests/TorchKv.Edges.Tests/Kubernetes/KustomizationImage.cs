namespace TorchKv.Edges.Tests.Kubernetes;

/// <summary>The image that a kustomization puts in the place of one that the files name.</summary>
public sealed class KustomizationImage
{
    public string? Name { get; set; }

    public string? NewName { get; set; }

    public string? NewTag { get; set; }
}
