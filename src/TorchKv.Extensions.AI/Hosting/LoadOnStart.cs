using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TorchKv.Runtime;

namespace TorchKv.Extensions.AI.Hosting;

/// <summary>Loads a model when the host starts, so that no request waits for it.</summary>
internal sealed class LoadOnStart(IServiceProvider services, object? key) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => Task.Run(
        () => _ = key is null ? services.GetRequiredService<Engine>() : services.GetRequiredKeyedService<Engine>(key),
        cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
