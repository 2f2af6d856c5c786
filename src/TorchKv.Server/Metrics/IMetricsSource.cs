namespace TorchKv.Server.Metrics;

/// <summary>A part of the application that has families of its own for <c>/metrics</c>.</summary>
internal interface IMetricsSource
{
    /// <summary>Writes the families.</summary>
    void Write(PrometheusText text);
}
