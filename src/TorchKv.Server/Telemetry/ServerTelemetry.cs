using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace TorchKv.Server.Telemetry;

/// <summary>The server's meter and source of spans, for OpenTelemetry and <c>dotnet-counters</c>.</summary>
internal sealed class ServerTelemetry
{
    /// <summary>The name of the meter and of the source.</summary>
    public const string Name = "TorchKv.Server";

    // The bounds that the conventions name, in seconds.
    private static readonly double[] RequestBounds =
        [.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

    private static readonly double[] FirstTokenBounds =
        [.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10];

    private static readonly double[] OutputTokenBounds = [.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5];

    public ServerTelemetry(IMeterFactory meters)
    {
        var meter = meters.Create(Name);
        RequestDuration = Make(meter, GenAi.RequestDuration, "From a request to the end of its answer.", RequestBounds);
        TimeToFirstToken = Make(meter, GenAi.TimeToFirstToken, "From a request to its first token.", FirstTokenBounds);
        TimePerOutputToken = Make(
            meter,
            GenAi.TimePerOutputToken,
            "Between a request's tokens, on average.",
            OutputTokenBounds);
    }

    public static ActivitySource Source { get; } = new(Name);

    public Histogram<double> RequestDuration { get; }

    public Histogram<double> TimeToFirstToken { get; }

    public Histogram<double> TimePerOutputToken { get; }

    private static Histogram<double> Make(Meter meter, string name, string description, double[] bounds)
        => meter.CreateHistogram(
            name,
            "s",
            description,
            tags: null,
            new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });
}
