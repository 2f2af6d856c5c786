using Microsoft.Extensions.Hosting;
using TorchKv.Server.Configuration;
using TorchKv.Server.Errors;
using TorchKv.Server.Models;

namespace TorchKv.Server.Running;

/// <summary>
/// Lets running requests finish when the host stops: new ones are refused at once, and what still runs after the
/// time-out is ended with an error.
/// </summary>
/// <remarks>
/// The host waits here before it stops listening, so that <c>/ready</c> can say that the server goes.
/// </remarks>
internal sealed class Drain(
    ModelHost models,
    TorchKvServerOptions options,
    TimeProvider time) : IHostedLifecycleService, IDisposable
{
    // Time for the last error frames to be written.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _cut = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private int _active;
    private bool _isDraining;

    /// <summary>Cancelled when running requests must end.</summary>
    public CancellationToken Cut => _cut.Token;

    /// <summary>Requests that run.</summary>
    public int Active
    {
        get
        {
            lock (_gate)
            {
                return _active;
            }
        }
    }

    /// <summary>Counts a request in.</summary>
    /// <exception cref="ApiException">The server is stopping.</exception>
    public void Enter()
    {
        lock (_gate)
        {
            if (_isDraining)
            {
                throw ApiException.Unavailable("The server is stopping.");
            }

            _active++;
        }
    }

    /// <summary>Counts a request out.</summary>
    public void Leave()
    {
        lock (_gate)
        {
            _active--;
            if (_isDraining && _active == 0)
            {
                _idle.TrySetResult();
            }
        }
    }

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        models.BeginDrain();
        lock (_gate)
        {
            _isDraining = true;
            if (_active == 0)
            {
                return;
            }
        }

        if (!await IsIdleWithinAsync(options.ShutdownTimeout).ConfigureAwait(false))
        {
            await _cut.CancelAsync().ConfigureAwait(false);
            await IsIdleWithinAsync(Grace).ConfigureAwait(false);
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _cut.Dispose();

    private async Task<bool> IsIdleWithinAsync(TimeSpan limit)
    {
        try
        {
            await _idle.Task.WaitAsync(limit, time).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
