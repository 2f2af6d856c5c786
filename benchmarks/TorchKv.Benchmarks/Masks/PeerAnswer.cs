namespace TorchKv.Benchmarks.Masks;

/// <summary>What an engine of constraints says about a schema and texts.</summary>
/// <param name="Compile">Microseconds to compile the schema and take the first mask.</param>
/// <param name="Masks">Microseconds of each mask after that.</param>
/// <param name="Accepted">For each text whether it is accepted.</param>
/// <param name="Error">Why the schema is refused; null where it is not. Nothing else is there then.</param>
internal sealed record PeerAnswer(double Compile, double[] Masks, bool[] Accepted, string? Error = null)
{
    /// <summary>The answer of an engine that does not take the schema.</summary>
    public static PeerAnswer Refused(string error) => new(0, [], [], error);
}
