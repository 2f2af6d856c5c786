namespace TorchKv.Benchmarks.Kernels;

/// <summary>Random weights and activations.</summary>
internal static class RandomNumbers
{
    /// <summary>Fills memory with numbers from −0.5 to 0.5.</summary>
    public static unsafe void Fill(float* values, int count, Random random)
    {
        for (var i = 0; i < count; i++)
        {
            values[i] = random.NextSingle() - 0.5f;
        }
    }
}
