namespace TorchKv.Simulation.Replicas;

/// <summary>One stretch of a simulated cluster's time; all are equally long.</summary>
/// <param name="Time">Seconds at its end.</param>
/// <param name="FirstTokenP99">99th percentile of the time to the first token of those that came in it, s.</param>
/// <param name="HitShare">Share of prompt tokens that were computed already, of the same requests.</param>
internal readonly record struct ClusterMoment(double Time, double FirstTokenP99, double HitShare);
