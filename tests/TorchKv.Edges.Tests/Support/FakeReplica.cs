using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace TorchKv.Edges.Tests.Support;

/// <summary>
/// A server that has a replica's endpoints and no model. A stream of three events waits before the second and the third
/// until the test lets it go on.
/// </summary>
internal sealed class FakeReplica : IAsyncDisposable
{
    public const string NameHeader = "x-server";
    public const string AnswersAtOnce = """{"prompt":"x"}""";
    public const string Streams = """{"prompt":"x","stream":true}""";
    public const string End = "data: [DONE]\n\n";
    private const int Events = 3;
    private readonly SemaphoreSlim _steps = new(0);
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebApplication _app = null!;
    private int _answered;
    private int _refused;
    private int _running;
    private int _probes;
    private volatile bool _isDraining;

    private FakeReplica(string name) => Name = name;

    public string Name { get; }

    public int Port { get; private set; }

    /// <summary>Requests that it took.</summary>
    public int Answered => Volatile.Read(ref _answered);

    /// <summary>Requests that it refused because it drains.</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>Streams that have begun and not ended.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>How often /ready was asked.</summary>
    public int Probes => Volatile.Read(ref _probes);

    /// <summary>Done when a client has left a stream.</summary>
    public Task ClientLeft => _left.Task;

    public static async Task<FakeReplica> StartAsync(string name)
    {
        var replica = new FakeReplica(name);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        replica._app = builder.Build();
        replica._app.MapGet("/ready", replica.Ready);
        replica._app.MapGet("/metrics", () => "for operators");
        replica._app.MapGet("/live/events", () => "for operators");
        replica._app.MapPost("/v1/completions", replica.CompleteAsync);
        await replica._app.StartAsync();
        var features = replica._app.Services.GetRequiredService<IServer>().Features;
        replica.Port = new Uri(features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port;
        return replica;
    }

    /// <summary>From now on it is not ready, refuses new requests and lets streams end.</summary>
    public void Drain() => _isDraining = true;

    /// <summary>The event of a number; 0 is the first.</summary>
    public static string Event(int number) => $"data: {{\"n\":{number}}}\n\n";

    /// <summary>Lets one stream send one event.</summary>
    public void Step() => _steps.Release();

    /// <summary>Lets all streams send all.</summary>
    public void Release() => _steps.Release(1000);

    /// <summary>Closes its port and all its connections.</summary>
    public Task DieAsync()
    {
        using var atOnce = new CancellationTokenSource();
        atOnce.Cancel();
        return _app.StopAsync(atOnce.Token);
    }

    public async ValueTask DisposeAsync()
    {
        Release();
        await _app.DisposeAsync();
    }

    private IResult Ready()
    {
        var answer = Results.StatusCode(_isDraining ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK);
        Interlocked.Increment(ref _probes);
        return answer;
    }

    private async Task CompleteAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync();
        context.Response.Headers[NameHeader] = Name;
        if (_isDraining)
        {
            Interlocked.Increment(ref _refused);
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            context.Response.Headers.Connection = "close";
            return;
        }

        Interlocked.Increment(ref _answered);
        if (!body.Contains("\"stream\":true", StringComparison.Ordinal))
        {
            await context.Response.WriteAsync($"{body.Length}");
            return;
        }

        Interlocked.Increment(ref _running);
        try
        {
            context.Response.ContentType = "text/event-stream";
            for (var number = 0; number < Events; number++)
            {
                if (number > 0)
                {
                    await _steps.WaitAsync(context.RequestAborted);
                }

                await context.Response.WriteAsync(Event(number), context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
            }

            await context.Response.WriteAsync(End, context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            _left.TrySetResult();
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }
}
