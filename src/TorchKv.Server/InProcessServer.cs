using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TorchKv.Server.Configuration;
using TorchKv.Server.InProcess;
using TorchKv.Server.Models;

namespace TorchKv.Server;

/// <summary>The server's endpoints over a model, without anything that listens.</summary>
internal sealed class InProcessServer : IAsyncDisposable
{
    private readonly IHost _host;

    private InProcessServer(IHost host) => _host = host;

    /// <summary>Calls the endpoints.</summary>
    public InProcessCalls Calls => _host.Services.GetRequiredService<InProcessCalls>();

    /// <summary>Starts with a model that is loaded already.</summary>
    public static async Task<InProcessServer> StartAsync(
        TorchKvServerOptions options,
        ServedModel model,
        CancellationToken cancellationToken)
    {
        options.Validate();
        var builder = Host.CreateEmptyApplicationBuilder(settings: null);
        builder.Services.AddSingleton(options);
        builder.Services.AddTorchKvServer(load: (_, _) => Task.FromResult(model));
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        var host = builder.Build();
        try
        {
            await host.StartAsync(cancellationToken).ConfigureAwait(false);
            var models = host.Services.GetRequiredService<ModelHost>();
            await models.Loaded.WaitAsync(cancellationToken).ConfigureAwait(false);
            while (models.State == ServerState.Loading)
            {
                await Task.Yield();
            }

            return new InProcessServer(host);
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync().ConfigureAwait(false);
        if (_host is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Signals are the program's.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
