namespace TorchKv.Edges.Tests.Kubernetes;

/// <summary>Who chooses a pod of an <see cref="InferencePool"/>.</summary>
public sealed class EndpointPickerRef
{
    private static readonly string?[] s_modes = [null, "FailOpen", "FailClose"];

    public string? Group { get; set; }

    public string? Kind { get; set; }

    public string? Name { get; set; }

    public InferencePoolPort? Port { get; set; }

    public string? FailureMode { get; set; }

    /// <summary>What the definition would refuse.</summary>
    public IEnumerable<string> Mistakes()
    {
        if (Name is not { Length: >= 1 and <= 253 })
        {
            yield return "spec.endpointPickerRef.name is missing or too long";
        }

        if (Kind is null or "Service" && Port is null)
        {
            yield return "spec.endpointPickerRef.port is missing, which a Service needs";
        }

        if (Port is { IsValid: false })
        {
            yield return $"spec.endpointPickerRef.port is {Port.Number}";
        }

        if (!s_modes.Contains(FailureMode))
        {
            yield return $"spec.endpointPickerRef.failureMode is {FailureMode}";
        }
    }
}
