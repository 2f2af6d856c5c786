using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using TorchKv.Router.Forwarding;
using TorchKv.Server.Running;

namespace TorchKv.Router.Resuming;

/// <summary>The client's request that a generation belongs to, as far as the hop to a replica tells of it.</summary>
internal sealed class HopContext
{
    /// <summary>The header of an answer with the name of the replica that began it.</summary>
    public const string ReplicaHeader = "x-torchkv-replica";

    private readonly string? _requestId;
    private readonly string? _traceParent;
    private readonly string? _traceState;
    private string? _replica;

    private HopContext(HttpContext? context)
    {
        var activity = Activity.Current;
        _traceParent = activity?.Id ?? context?.Request.Headers.TraceParent.ToString();
        _traceState = activity?.TraceStateString ?? context?.Request.Headers.TraceState.ToString();
        _requestId = context?.Features.Get<Call>()?.RequestId;
        context?.Response.OnStarting(() =>
        {
            if (Volatile.Read(ref _replica) is { } name)
            {
                context.Response.Headers[ReplicaHeader] = name;
            }

            return Task.CompletedTask;
        });
    }

    /// <summary>The trace that attempts are spans of.</summary>
    public ActivityContext Parent =>
        ActivityContext.TryParse(_traceParent, _traceState, out var parent) ? parent : default;

    /// <summary>That of the request that is being handled; without one, of none.</summary>
    public static HopContext Of(HttpContext? context) => new(context);

    /// <summary>The headers of an attempt.</summary>
    /// <param name="span">The attempt's span; null: there is none.</param>
    public HopHeaders Headers(Activity? span) => new(_requestId, span?.Id ?? _traceParent, _traceState);

    /// <summary>A replica begins to answer.</summary>
    public void ServedBy(string replica) => Interlocked.CompareExchange(ref _replica, HeaderValue(replica), null);

    /// <summary>A name as it can stand in a header.</summary>
    private static string HeaderValue(string name)
        => new([.. name.Take(128).Select(letter => letter is > ' ' and <= '~' ? letter : '_')]);
}
