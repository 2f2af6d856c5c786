using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>Logits that are NaN or infinite: every command refuses them with one sentence, the sampler's.</summary>
internal static class NotFinite
{
    public static TorchKvException Error() =>
        new("The logits hold NaN or infinity: the weights, or the precision they were run in, cannot be used.");

    /// <exception cref="TorchKvException">A number is not finite.</exception>
    public static void ThrowIfIn(ReadOnlySpan<float> logits)
    {
        foreach (var logit in logits)
        {
            if (!float.IsFinite(logit))
            {
                throw Error();
            }
        }
    }
}
