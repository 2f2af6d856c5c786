using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Cluster;

/// <summary><c>torchkv serve</c> over the small model. It keeps its ports when it is started again.</summary>
internal sealed class ReplicaProcess(string name, string model, params string[] more) : IDisposable
{
    private readonly int _port = ChildServer.FreePort();
    private readonly int _internalPort = ChildServer.FreePort();
    private readonly HttpClient _client = new();
    private ChildServer? _server;

    public string Name => name;

    public int Port => _port;

    /// <summary>Where a router finds it.</summary>
    public string InternalAddress => $"http://127.0.0.1:{_internalPort}";

    /// <summary>The process.</summary>
    public ChildServer Server => _server ?? throw new InvalidOperationException($"{name} was not started.");

    /// <summary>The command line of this repository.</summary>
    public static string Program =>
        RepositoryFolder.At("src", "TorchKv.Cli", "bin", "Release", "net10.0", "TorchKv.Cli");

    /// <summary>Starts it, in the place of a process that has ended, and waits until it is ready.</summary>
    public async Task StartAsync()
    {
        _server?.Dispose();
        _server = await ChildServer.StartAsync(
            _port,
            Program,
            [
                "serve", "--model", model, "--threads", "1", "--max-queued", "4096", "--no-page",
                "--port", $"{_port}", "--internal-port", $"{_internalPort}", "--replica-name", name, .. more,
            ]);
        await _server.ReadyAsync();
    }

    /// <summary>The sum of a metric's samples; 0 where there are none.</summary>
    public Task<double> MetricAsync(string metric) => Prometheus.ReadAsync(_client, Server.Address, metric);

    public void Dispose()
    {
        _server?.Dispose();
        _client.Dispose();
    }
}
