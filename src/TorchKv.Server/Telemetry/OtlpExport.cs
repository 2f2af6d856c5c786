using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace TorchKv.Server.Telemetry;

/// <summary>Sends spans and metrics to an OpenTelemetry collector (OTLP).</summary>
internal static class OtlpExport
{
    private static readonly string[] Endpoints =
    [
        "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    ];

    /// <summary>
    /// Adds it where one of OpenTelemetry's variables names a collector (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c>); the
    /// others (protocol, headers, service name, sampler) have their usual meaning.
    /// </summary>
    public static void AddWhereAskedFor(WebApplicationBuilder builder)
    {
        if (Endpoints.All(name => string.IsNullOrEmpty(builder.Configuration[name])))
        {
            return;
        }

        builder.Services.AddOpenTelemetry()
            .UseOtlpExporter()
            .WithTracing(tracing => tracing
                .AddSource(ServerTelemetry.Name, "TorchKv.Router")
                .AddAspNetCoreInstrumentation())
            .WithMetrics(metrics => metrics
                .AddMeter(ServerTelemetry.Name, "TorchKv.Runtime")
                .AddAspNetCoreInstrumentation()
                .AddRuntimeInstrumentation());
    }
}
