namespace TorchKv.Router.Forwarding;

/// <summary>What a request to a replica says of the client's request.</summary>
/// <param name="RequestId">The request's name in logs; null: the replica makes one.</param>
/// <param name="TraceParent">The trace's place; null: there is no trace.</param>
/// <param name="TraceState">What systems on the way added to the trace; null: nothing.</param>
internal readonly record struct HopHeaders(string? RequestId, string? TraceParent, string? TraceState)
{
    public void AddTo(HttpRequestMessage message)
    {
        Add(message, "x-request-id", RequestId);
        Add(message, "traceparent", TraceParent);
        Add(message, "tracestate", TraceState);
    }

    private static void Add(HttpRequestMessage message, string name, string? value)
    {
        if (!string.IsNullOrEmpty(value))
        {
            message.Headers.TryAddWithoutValidation(name, value);
        }
    }
}
