using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Router.Discovery;

/// <summary>A Kubernetes cluster's API, as a pod of the cluster reaches it.</summary>
/// <param name="Address">Its URL.</param>
/// <param name="Client">Connections to it.</param>
/// <param name="TokenFile">The file with the pod's token; null: none is shown.</param>
internal sealed record KubernetesApi(Uri Address, HttpClient Client, string? TokenFile)
{
    private const string Account = "/var/run/secrets/kubernetes.io/serviceaccount";

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    /// <summary>The cluster that the process runs in.</summary>
    /// <exception cref="RequestException">It runs in none, or the pod has no service account.</exception>
    public static KubernetesApi OfPod()
    {
        var host = Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_HOST");
        var port = Environment.GetEnvironmentVariable("KUBERNETES_SERVICE_PORT_HTTPS") ?? "443";
        if (string.IsNullOrEmpty(host) || !int.TryParse(port, out var number))
        {
            throw new RequestException(
                "kubernetes: finds replicas from inside a cluster alone; this process runs in none.");
        }

        try
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPemFile($"{Account}/ca.crt");
            var trust = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            trust.CustomTrustStore.AddRange(roots);
            var handler = new SocketsHttpHandler
            {
                SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = trust },
            };
            return new KubernetesApi(
                new UriBuilder("https", host, number).Uri,
                new HttpClient(handler) { Timeout = s_limit },
                $"{Account}/token");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new RequestException($"The pod's service account cannot be read: {e.Message}");
        }
    }
}
