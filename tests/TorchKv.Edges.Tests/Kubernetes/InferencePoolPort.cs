namespace TorchKv.Edges.Tests.Kubernetes;

/// <summary>A port of an <see cref="InferencePool"/> or of its picker.</summary>
public sealed class InferencePoolPort
{
    public int Number { get; set; }

    public bool IsValid => Number is >= 1 and <= 65535;
}
