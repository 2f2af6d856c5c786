using System.Net;
using System.Net.Http.Json;
using TorchKv.Router.Configuration;
using TorchKv.Server.Internal;
using TorchKv.Server.Security;

namespace TorchKv.Router.Replicas;

/// <summary>Connections to the replicas.</summary>
internal sealed class ReplicaClient : IDisposable
{
    private readonly HttpMessageInvoker _invoker;
    private readonly string? _key;

    public ReplicaClient(RouterOptions options)
    {
        _key = options.InternalKey;
        _invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            ConnectTimeout = options.ConnectTimeout,
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,

            // The rest of a stream that nobody reads ends with its connection, at once.
            MaxResponseDrainSize = 0,

            // The router names the trace itself, once for each attempt.
            ActivityHeadersPropagator = null,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
        });
    }

    /// <summary>Asks a replica how it is.</summary>
    /// <exception cref="HttpRequestException">It does not answer, or with something else.</exception>
    public async Task<ReplicaStatus> StatusAsync(Replica replica, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Get, replica, "/internal/status");
        using var response = await _invoker.SendAsync(request, cancellationToken).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync(InternalJson.Default.ReplicaStatus, cancellationToken)
            .ConfigureAwait(false) ?? throw new HttpRequestException("The status is null.");
    }

    /// <summary>Sends a request, and reads the answer's headers.</summary>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        => _invoker.SendAsync(request, cancellationToken);

    /// <summary>A request to a replica, with the key that it knows routers by.</summary>
    public HttpRequestMessage Request(HttpMethod method, Replica replica, string path)
    {
        var request = new HttpRequestMessage(method, new Uri(replica.Address, path));
        if (_key is not null)
        {
            request.Headers.Add(InternalAccess.Header, _key);
        }

        return request;
    }

    public void Dispose() => _invoker.Dispose();
}
