using System.Diagnostics.Metrics;

namespace TorchKv.Runtime.Serving;

/// <summary>One engine's instruments on the meter <c>TorchKv.Runtime</c>.</summary>
internal sealed class EngineMetrics : IDisposable
{
    private readonly Meter _meter = new("TorchKv.Runtime");
    private readonly TimeProvider _time;
    private readonly Histogram<double> _timeToFirstToken;
    private readonly Histogram<double> _interTokenLatency;
    private readonly Histogram<double> _requestDuration;

    /// <param name="stats">Reads the engine's statistics, on any thread.</param>
    /// <param name="time">Gives timestamps their unit.</param>
    public EngineMetrics(Func<EngineStats> stats, TimeProvider time)
    {
        _time = time;
        _meter.CreateObservableGauge(
            "torchkv.requests.queued",
            () => stats().QueuedRequests,
            "{request}",
            "Requests that wait.");
        _meter.CreateObservableGauge(
            "torchkv.requests.running",
            () => stats().RunningRequests,
            "{request}",
            "Requests that run.");
        _meter.CreateObservableGauge("torchkv.pool.blocks", () => Blocks(stats()), "{block}", "KV blocks by state.");
        _meter.CreateObservableGauge(
            "torchkv.pool.usage",
            () => (double)stats().HeldBlocks / stats().TotalBlocks,
            "1",
            "Share of KV blocks that are held.");
        _meter.CreateObservableCounter(
            "torchkv.prefix.hit_tokens",
            () => stats().PrefixHitTokens,
            "{token}",
            "Prompt tokens found in the prefix cache.");
        _meter.CreateObservableCounter(
            "torchkv.prompt.tokens",
            () => stats().PromptTokens,
            "{token}",
            "Prompt tokens admitted.");
        _meter.CreateObservableCounter(
            "torchkv.generated.tokens",
            () => stats().GeneratedTokens,
            "{token}",
            "Tokens given to readers.");
        _meter.CreateObservableCounter(
            "torchkv.preemptions",
            () => stats().Preemptions,
            "{preemption}",
            "Running requests that gave their blocks back.");
        _timeToFirstToken = _meter.CreateHistogram<double>(
            "torchkv.time_to_first_token",
            "s",
            "From submission to a request's first token.");
        _interTokenLatency = _meter.CreateHistogram<double>(
            "torchkv.inter_token_latency",
            "s",
            "Between two tokens of a sequence.");
        _requestDuration = _meter.CreateHistogram<double>(
            "torchkv.request.duration",
            "s",
            "From submission to a request's end.");
    }

    /// <summary>Records a request's first token. Times are timestamps.</summary>
    public void RecordTimeToFirstToken(long submittedAt, long now) => Record(_timeToFirstToken, submittedAt, now);

    /// <summary>Records a further token of a sequence. Times are timestamps.</summary>
    public void RecordInterTokenLatency(long lastTokenAt, long now) => Record(_interTokenLatency, lastTokenAt, now);

    /// <summary>Records the end of a request. Times are timestamps.</summary>
    public void RecordRequestDuration(long submittedAt, long now) => Record(_requestDuration, submittedAt, now);

    public void Dispose() => _meter.Dispose();

    private void Record(Histogram<double> instrument, long from, long to)
    {
        try
        {
            instrument.Record((double)(to - from) / _time.TimestampFrequency);
        }
        catch (Exception)
        {
            // Listeners run on the engine's thread. One that throws loses its measurement and must not fail a request.
        }
    }

    private static Measurement<int>[] Blocks(EngineStats stats) =>
    [
        new(stats.FreeBlocks, new KeyValuePair<string, object?>("state", "free")),
        new(stats.HeldBlocks, new KeyValuePair<string, object?>("state", "held")),
        new(stats.CachedBlocks, new KeyValuePair<string, object?>("state", "cached")),
    ];
}
