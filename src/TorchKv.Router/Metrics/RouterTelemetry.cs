using System.Diagnostics;

namespace TorchKv.Router.Metrics;

/// <summary>The router's spans: one for each attempt at a replica, as a child of the client's request.</summary>
internal static class RouterTelemetry
{
    public const string SourceName = "TorchKv.Router";

    private static readonly ActivitySource s_source = new(SourceName);

    /// <summary>Begins the span of an attempt; null: nothing listens.</summary>
    public static Activity? Attempt(string replica, int generatedBefore, ActivityContext parent)
    {
        var activity = s_source.StartActivity("torchkv.route", ActivityKind.Client, parent);
        activity?.SetTag("torchkv.replica", replica);
        activity?.SetTag("torchkv.generated_before", generatedBefore);
        return activity;
    }
}
