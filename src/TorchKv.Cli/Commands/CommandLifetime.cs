using Microsoft.Extensions.Hosting;

namespace TorchKv.Cli.Commands;

/// <summary>Leaves signals to the program, which tells every command to stop by its cancellation token.</summary>
internal sealed class CommandLifetime : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
