using System.Collections.Concurrent;

namespace TorchKv.Benchmarks.Cluster;

/// <summary>Conversations, one after the other from several clients, until it is stopped.</summary>
internal sealed class ConstantLoad : IDisposable
{
    private readonly ClusterClient _client;
    private readonly Task[] _clients;
    private ConcurrentBag<(int Turn, ClusterAnswer Answer)> _answers = [];
    private int _next = -1;
    private volatile bool _isStopped;

    /// <summary>Begins.</summary>
    /// <param name="address">Where.</param>
    /// <param name="chats">The conversations.</param>
    /// <param name="atOnce">How many at once.</param>
    public ConstantLoad(Uri address, Chats chats, int atOnce)
    {
        _client = new ClusterClient(address);
        _clients = [.. Enumerable.Range(0, atOnce).Select(_ => Task.Run(async () =>
        {
            while (!_isStopped)
            {
                await chats.HoldAsync(_client, Interlocked.Increment(ref _next), Volatile.Read(ref _answers));
            }
        }))];
    }

    /// <summary>Leaves out what came until now, and the conversations that run.</summary>
    public void Forget() => Volatile.Write(ref _answers, []);

    /// <summary>Lets the conversations that run end.</summary>
    public async Task<IReadOnlyCollection<(int Turn, ClusterAnswer Answer)>> StopAsync()
    {
        _isStopped = true;
        await Task.WhenAll(_clients);
        return _answers;
    }

    public void Dispose()
    {
        _isStopped = true;
        _client.Dispose();
    }
}
