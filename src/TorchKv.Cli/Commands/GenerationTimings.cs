namespace TorchKv.Cli.Commands;

/// <summary>How long a generation took.</summary>
/// <param name="Load">Loading the model.</param>
/// <param name="Prefill">Until the first token.</param>
/// <param name="Total">Until the last token.</param>
/// <param name="DecodedTokens">Tokens after each answer's first.</param>
internal sealed record GenerationTimings(TimeSpan Load, TimeSpan Prefill, TimeSpan Total, int DecodedTokens)
{
    public TimeSpan Decode => Total - Prefill;

    public double DecodeTokensPerSecond =>
        Decode > TimeSpan.Zero ? Math.Max(0, DecodedTokens) / Decode.TotalSeconds : 0;
}
