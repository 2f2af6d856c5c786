using TorchKv.Benchmarks.Measuring;

namespace TorchKv.Benchmarks.Port;

/// <summary>The prompts that benchmarks/compare/gpt2_pytorch.py has too.</summary>
internal static class MadeUpPrompts
{
    /// <summary>Token ids, (batch, prompt) in row-major order.</summary>
    public static long[] Of(TorchRequest request, long vocabulary)
    {
        var ids = new long[request.Batch * request.Prompt];
        for (var row = 0; row < request.Batch; row++)
        {
            for (var i = 0; i < request.Prompt; i++)
            {
                ids[(row * request.Prompt) + i] = ((7919L * (row + 1)) + (104729L * i)) % vocabulary;
            }
        }

        return ids;
    }
}
