using System.Net;
using System.Net.Sockets;

namespace TorchKv.Router.Discovery;

/// <summary>A replica for each address that a name has, as the headless service of a Kubernetes StatefulSet.</summary>
/// <param name="host">The name.</param>
/// <param name="port">The replicas' internal port.</param>
/// <param name="resolve">Looks a name up; null: the system does.</param>
internal sealed class DnsReplicas(
    string host, int port, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null) : IReplicaSource
{
    public async Task<IReadOnlyList<Uri>> FindAsync(CancellationToken cancellationToken)
    {
        IPAddress[] found;
        try
        {
            found = await (resolve ?? Dns.GetHostAddressesAsync)(host, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.HostNotFound or SocketError.NoData)
        {
            // A headless service without pods has no address.
            return [];
        }

        return [.. found.Distinct().Select(address => new UriBuilder("http", address.ToString(), port).Uri)];
    }
}
