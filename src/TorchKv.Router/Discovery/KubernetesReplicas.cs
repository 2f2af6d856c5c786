using System.Net.Http.Headers;
using System.Text.Json;

namespace TorchKv.Router.Discovery;

/// <summary>The pods of a Kubernetes service that serve, by its endpoint slices.</summary>
/// <param name="cluster">The cluster's API.</param>
/// <param name="space">The service's namespace.</param>
/// <param name="service">The service's name.</param>
/// <param name="port">The name or number of the port; null: the slice's port named internal, else its first.</param>
internal sealed class KubernetesReplicas(
    KubernetesApi cluster, string space, string service, string? port) : IReplicaSource
{
    private const string InternalPortName = "internal";

    public async Task<IReadOnlyList<Uri>> FindAsync(CancellationToken cancellationToken)
    {
        var path = $"/apis/discovery.k8s.io/v1/namespaces/{Uri.EscapeDataString(space)}/endpointslices"
            + $"?labelSelector=kubernetes.io/service-name%3D{Uri.EscapeDataString(service)}";
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(cluster.Address, path));

        // Kubernetes renews the token in its file.
        if (cluster.TokenFile is { } file)
        {
            var token = await File.ReadAllTextAsync(file, cancellationToken).ConfigureAwait(false);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Trim());
        }

        using var response = await cluster.Client.SendAsync(request, cancellationToken).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        var body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (body.ConfigureAwait(false))
        {
            using var slices = await JsonDocument.ParseAsync(body, cancellationToken: cancellationToken)
                .ConfigureAwait(false);
            return [.. slices.RootElement.GetProperty("items").EnumerateArray().SelectMany(Of).Distinct()];
        }
    }

    private static bool Serves(JsonElement endpoint) => !endpoint.TryGetProperty("conditions", out var conditions)
        || !Says(conditions, "ready", no: true)
        || Says(conditions, "serving", no: false);

    /// <summary>Whether a condition is there and false (or true).</summary>
    private static bool Says(JsonElement conditions, string name, bool no)
        => conditions.TryGetProperty(name, out var value)
            && value.ValueKind == (no ? JsonValueKind.False : JsonValueKind.True);

    private IEnumerable<Uri> Of(JsonElement slice)
    {
        if (NumberOf(slice) is not { } number
            || !slice.TryGetProperty("endpoints", out var endpoints)
            || endpoints.ValueKind != JsonValueKind.Array)
        {
            return [];
        }

        return endpoints.EnumerateArray()
            .Where(Serves)
            .SelectMany(endpoint => endpoint.GetProperty("addresses").EnumerateArray())
            .Select(address => new UriBuilder("http", address.GetString()!, number).Uri)
            .ToArray();
    }

    private int? NumberOf(JsonElement slice)
    {
        if (int.TryParse(port, out var number))
        {
            return number;
        }

        if (!slice.TryGetProperty("ports", out var ports) || ports.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var all = ports.EnumerateArray().ToArray();
        var named = all.FirstOrDefault(known =>
            known.TryGetProperty("name", out var name) && name.GetString() == (port ?? InternalPortName));
        var found = named.ValueKind == JsonValueKind.Undefined && port is null ? all.FirstOrDefault() : named;
        return found.ValueKind == JsonValueKind.Object && found.TryGetProperty("port", out var value)
            ? value.GetInt32()
            : null;
    }
}
