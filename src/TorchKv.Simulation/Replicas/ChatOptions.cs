namespace TorchKv.Simulation.Replicas;

/// <summary>Conversations that are made up. Immutable.</summary>
internal sealed record ChatOptions
{
    /// <summary>Requests, which are the turns of all conversations.</summary>
    public int Requests { get; init; } = 10_000;

    /// <summary>
    /// Requests a second, in the mean; conversations begin at random (a Poisson process).
    /// </summary>
    public double RequestsPerSecond { get; init; } = 32;

    /// <summary>Least and most turns of a conversation.</summary>
    public (int Least, int Most) Turns { get; init; } = (1, 6);

    /// <summary>Openings, of which the k-th is chosen in proportion to 1 / k (Zipf).</summary>
    public int Openings { get; init; } = 64;

    /// <summary>Tokens of an opening.</summary>
    public int OpeningTokens { get; init; } = 256;

    /// <summary>Least and most tokens of a user's message.</summary>
    public (int Least, int Most) MessageTokens { get; init; } = (16, 64);

    /// <summary>Least and most tokens of an answer.</summary>
    public (int Least, int Most) NewTokens { get; init; } = (32, 96);

    /// <summary>Seconds from an answer to the next message, in the mean (exponential distribution).</summary>
    public double ThinkSeconds { get; init; } = 10;

    /// <summary>
    /// From when on, for how long, and how many times as many conversations begin, all those of the first opening;
    /// null: never.
    /// </summary>
    public (double Second, double Seconds, double Factor)? FlashCrowd { get; init; }

    /// <summary>
    /// Lengths of log-normal distribution and conversations of geometric length, with these statistics instead of the
    /// ranges above; null: the ranges.
    /// </summary>
    public TraceStatistics? Trace { get; init; }
}
