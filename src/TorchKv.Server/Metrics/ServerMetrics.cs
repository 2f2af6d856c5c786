namespace TorchKv.Server.Metrics;

/// <summary>What the server counts. Thread-safe; adding takes no lock.</summary>
internal sealed class ServerMetrics
{
    public const string Stop = "stop";
    public const string Length = "length";
    public const string Abort = "abort";
    public const string Error = "error";

    private int _streams;

    public Histogram TimeToFirstToken { get; } = new(Buckets.TimeToFirstToken);

    public Histogram InterTokenLatency { get; } = new(Buckets.BetweenTokens);

    public Histogram TimePerOutputToken { get; } = new(Buckets.BetweenTokens);

    public Histogram RequestDuration { get; } = new(Buckets.Request);

    public Histogram QueueTime { get; } = new(Buckets.Request);

    public Histogram PrefillTime { get; } = new(Buckets.Request);

    public Histogram DecodeTime { get; } = new(Buckets.Request);

    public Histogram InferenceTime { get; } = new(Buckets.Request);

    public Histogram PromptTokens { get; } = new(Buckets.OneTwoFive(100_000));

    public Histogram GenerationTokens { get; } = new(Buckets.OneTwoFive(100_000));

    public Histogram MaxGenerationTokens { get; } = new(Buckets.OneTwoFive(100_000));

    public Histogram PrefillComputedTokens { get; } = new(Buckets.OneTwoFive(100_000));

    public Histogram ParamsMaxTokens { get; } = new(Buckets.OneTwoFive(100_000));

    public Histogram Preemptions { get; } = new(Buckets.OneTwoFive(1000));

    public Histogram ParamsN { get; } = new(Buckets.Samples);

    /// <summary>Requests that ended, by reason.</summary>
    public LabelledCounter Finished { get; } = new(Stop, Length, Abort, Error, "repetition");

    /// <summary>Streams that were cut, by reason.</summary>
    public LabelledCounter StreamAborts { get; } = new("client", "slow", "deadline", "drain", "error");

    /// <summary>Requests that were refused, by the error's code.</summary>
    public LabelledCounter Rejected { get; } = new();

    /// <summary>HTTP requests, by the labels of an endpoint, a method and a class of statuses.</summary>
    public LabelledCounter HttpRequests { get; } = new();

    public Histogram HttpDuration { get; } = new(Buckets.Http);

    /// <summary>Streams that are open.</summary>
    public int Streams => Volatile.Read(ref _streams);

    public void StreamOpened() => Interlocked.Increment(ref _streams);

    public void StreamClosed() => Interlocked.Decrement(ref _streams);
}
