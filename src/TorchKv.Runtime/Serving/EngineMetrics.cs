using System.Diagnostics.Metrics;

namespace TorchKv.Runtime.Serving;

/// <summary>One engine's instruments on the meter <c>TorchKv.Runtime</c>.</summary>
internal sealed class EngineMetrics : IDisposable
{
    private readonly Meter _meter = new("TorchKv.Runtime");

    public EngineMetrics(Func<EngineStats> stats)
    {
        _meter.CreateObservableGauge("torchkv.requests.queued", () => stats().QueuedRequests, "{request}", "Requests that wait.");
        _meter.CreateObservableGauge("torchkv.requests.running", () => stats().RunningRequests, "{request}", "Requests that run.");
        _meter.CreateObservableGauge("torchkv.pool.blocks", () => Blocks(stats()), "{block}", "KV blocks by state.");
        _meter.CreateObservableGauge("torchkv.pool.usage", () => (double)stats().HeldBlocks / stats().TotalBlocks, "1", "Share of KV blocks that are held.");
        _meter.CreateObservableCounter("torchkv.prefix.hit_tokens", () => stats().PrefixHitTokens, "{token}", "Prompt tokens found in the prefix cache.");
        _meter.CreateObservableCounter("torchkv.prompt.tokens", () => stats().PromptTokens, "{token}", "Prompt tokens admitted.");
        _meter.CreateObservableCounter("torchkv.generated.tokens", () => stats().GeneratedTokens, "{token}", "Tokens given to readers.");
        _meter.CreateObservableCounter("torchkv.preemptions", () => stats().Preemptions, "{preemption}", "Running requests that gave their blocks back.");
        TimeToFirstToken = _meter.CreateHistogram<double>("torchkv.time_to_first_token", "s", "From submission to a request's first token.");
        InterTokenLatency = _meter.CreateHistogram<double>("torchkv.inter_token_latency", "s", "Between two tokens of a sequence.");
        RequestDuration = _meter.CreateHistogram<double>("torchkv.request.duration", "s", "From submission to a request's end.");
    }

    public Histogram<double> TimeToFirstToken { get; }

    public Histogram<double> InterTokenLatency { get; }

    public Histogram<double> RequestDuration { get; }

    /// <summary>Records a value. A listener runs on the engine's thread, and what it throws is no request's fault.</summary>
    public static void Record(Histogram<double> instrument, double value)
    {
        try
        {
            instrument.Record(value);
        }
        catch (Exception)
        {
            // The listener has lost a measurement, and nobody else anything.
        }
    }

    public void Dispose() => _meter.Dispose();

    private static Measurement<int>[] Blocks(EngineStats stats) =>
    [
        new(stats.FreeBlocks, new KeyValuePair<string, object?>("state", "free")),
        new(stats.HeldBlocks, new KeyValuePair<string, object?>("state", "held")),
        new(stats.CachedBlocks, new KeyValuePair<string, object?>("state", "cached")),
    ];
}
