namespace TorchKv.Simulation.Replicas;

/// <summary>What was published of a trace.</summary>
/// <param name="MeanPrompt">Mean tokens of a prompt.</param>
/// <param name="MeanNew">Mean tokens generated.</param>
/// <param name="Reuse">Share of the prompt tokens that an infinite cache would have.</param>
/// <remarks>
/// The share of requests that continue a conversation follows from the three: a prompt is a message of mean f = (1 −
/// reuse) · MeanPrompt, after, with probability q, the whole conversation before it. With q the same for every turn,
/// M = f + q · (M + MeanNew), so q = reuse · M / (M + MeanNew).
/// </remarks>
internal sealed record TraceStatistics(double MeanPrompt, double MeanNew, double Reuse)
{
    /// <summary>Conversations of the Mooncake traces (FAST 2025).</summary>
    public static TraceStatistics MooncakeConversation { get; } = new(12_035, 343, 0.366);

    /// <summary>The synthetic one of the Mooncake traces (FAST 2025).</summary>
    public static TraceStatistics MooncakeSynthetic { get; } = new(15_325, 149, 0.640);

    /// <summary>Standard deviation of a length's logarithm: an assumption, since means alone are published.</summary>
    public const double Spread = 0.8;

    /// <summary>Mean tokens of a message.</summary>
    public double MeanMessage => (1 - Reuse) * MeanPrompt;

    /// <summary>Probability of a further turn.</summary>
    public double Continuing => Reuse * MeanPrompt / (MeanPrompt + MeanNew);
}
