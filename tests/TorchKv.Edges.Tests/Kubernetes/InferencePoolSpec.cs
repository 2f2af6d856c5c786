using System.Text.RegularExpressions;

namespace TorchKv.Edges.Tests.Kubernetes;

/// <summary>What an <see cref="InferencePool"/> selects, and who chooses from it.</summary>
public sealed partial class InferencePoolSpec
{
    private const int MostLabels = 64;
    private const int MostPorts = 8;
    private static readonly string?[] s_protocols = [null, "http", "kubernetes.io/h2c"];

    public InferencePoolSelector? Selector { get; set; }

    public List<InferencePoolPort> TargetPorts { get; set; } = [];

    public string? AppProtocol { get; set; }

    public EndpointPickerRef? EndpointPickerRef { get; set; }

    /// <summary>What the definition would refuse.</summary>
    public IEnumerable<string> Mistakes()
    {
        var labels = Selector?.MatchLabels ?? [];
        if (labels.Count is 0 or > MostLabels)
        {
            yield return $"spec.selector.matchLabels has {labels.Count} labels, not 1 to {MostLabels}";
        }

        foreach (var (key, value) in labels)
        {
            if (!LabelKey().IsMatch(key) || !LabelValue().IsMatch(value))
            {
                yield return $"spec.selector.matchLabels has {key}: {value}";
            }
        }

        if (TargetPorts.Count is 0 or > MostPorts)
        {
            yield return $"spec.targetPorts has {TargetPorts.Count} ports, not 1 to {MostPorts}";
        }

        if (TargetPorts.Select(port => port.Number).Distinct().Count() != TargetPorts.Count)
        {
            yield return "spec.targetPorts has a port twice";
        }

        foreach (var port in TargetPorts.Where(port => !port.IsValid))
        {
            yield return $"spec.targetPorts has the port {port.Number}";
        }

        if (!s_protocols.Contains(AppProtocol))
        {
            yield return $"spec.appProtocol is {AppProtocol}";
        }

        foreach (var mistake in EndpointPickerRef?.Mistakes() ?? [])
        {
            yield return mistake;
        }
    }

    // A prefix of at most 253 characters and a slash, then a name of at most 63.
    [GeneratedRegex(@"^(?=.{1,317}$)([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")]
    private static partial Regex LabelKey();

    [GeneratedRegex(@"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")]
    private static partial Regex LabelValue();
}
