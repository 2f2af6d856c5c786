using k8s;
using k8s.Models;

namespace TorchKv.Router.Discovery;

/// <summary>The ready pods of a Kubernetes service, by its endpoint slices.</summary>
/// <param name="client">The cluster's API.</param>
/// <param name="space">The service's namespace.</param>
/// <param name="service">The service's name.</param>
/// <param name="port">The name or number of the port; null: the slice's port named internal, else its first.</param>
internal sealed class KubernetesReplicas(IKubernetes client, string space, string service, string? port) : IReplicaSource
{
    private const string InternalPortName = "internal";

    public async Task<IReadOnlyList<Uri>> FindAsync(CancellationToken cancellationToken)
    {
        var slices = await client.DiscoveryV1.ListNamespacedEndpointSliceAsync(
            space,
            labelSelector: $"kubernetes.io/service-name={service}",
            cancellationToken: cancellationToken).ConfigureAwait(false);
        return [.. slices.Items.SelectMany(Of).Distinct()];
    }

    private IEnumerable<Uri> Of(V1EndpointSlice slice)
    {
        var number = NumberOf(slice);
        return number is not { } found || slice.AddressType == "FQDN" ? [] : (slice.Endpoints ?? [])
            .Where(endpoint => endpoint.Conditions?.Ready != false || endpoint.Conditions.Serving == true)
            .SelectMany(endpoint => endpoint.Addresses)
            .Select(address => new UriBuilder("http", address, found).Uri);
    }

    private int? NumberOf(V1EndpointSlice slice) => int.TryParse(port, out var number)
        ? number
        : (slice.Ports ?? []).FirstOrDefault(known => known.Name == (port ?? InternalPortName))?.Port
            ?? (port is null ? slice.Ports?.FirstOrDefault()?.Port : null);
}
