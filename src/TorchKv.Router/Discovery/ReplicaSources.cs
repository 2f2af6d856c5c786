using System.Globalization;
using k8s;
using k8s.Exceptions;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Router.Discovery;

/// <summary>Reads where replicas are to be looked for.</summary>
internal static class ReplicaSources
{
    private const string Forms = "URLs, or one of dns:NAME:PORT and kubernetes:NAMESPACE/SERVICE[:PORT]";

    /// <summary>The source that an option names.</summary>
    /// <param name="replicas">URLs, or one other address.</param>
    /// <exception cref="OptionException">It is none of the forms.</exception>
    public static IReplicaSource Of(IReadOnlyList<string> replicas)
    {
        var first = replicas.Count == 0 ? "" : replicas[0];
        if (replicas.Count == 1 && first.StartsWith("dns:", StringComparison.Ordinal))
        {
            return OfName(first);
        }

        if (replicas.Count == 1 && first.StartsWith("kubernetes:", StringComparison.Ordinal))
        {
            return OfService(first);
        }

        return new FixedReplicas([.. replicas.Select(address =>
            Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
                ? uri
                : throw new OptionException("replicas", address, Forms))]);
    }

    private static DnsReplicas OfName(string address)
    {
        var parts = address.Split(':');
        return parts.Length == 3
            && parts[1].Length > 0
            && int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is > 0 and <= 65535
            ? new DnsReplicas(parts[1], port)
            : throw new OptionException("replicas", address, Forms);
    }

    private static KubernetesReplicas OfService(string address)
    {
        var parts = address["kubernetes:".Length..].Split('/', ':');
        if (parts.Length is not (2 or 3) || parts.Any(part => part.Length == 0))
        {
            throw new OptionException("replicas", address, Forms);
        }

        try
        {
            var client = new Kubernetes(KubernetesClientConfiguration.BuildDefaultConfig());
            return new KubernetesReplicas(client, parts[0], parts[1], parts.Length == 3 ? parts[2] : null);
        }
        catch (Exception e) when (e is KubeConfigException or KubernetesClientException)
        {
            throw new RequestException($"The Kubernetes cluster cannot be reached: {e.Message}");
        }
    }
}
