namespace TorchKv.Edges.Tests.Kubernetes;

/// <summary>The labels of an <see cref="InferencePool"/>'s pods; it has no expressions.</summary>
public sealed class InferencePoolSelector
{
    public Dictionary<string, string> MatchLabels { get; set; } = [];
}
