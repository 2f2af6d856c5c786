namespace TorchKv.PortChecking.Findings;

/// <summary>What a factor may stand for.</summary>
/// <param name="Source">Where the factor comes from.</param>
/// <param name="Number">The number that the source is made of, such as the size of a head.</param>
/// <param name="Inverse">Whether the factor is 1 divided by the source.</param>
internal sealed record FactorMeaning(FactorSource Source, int Number, bool Inverse);
