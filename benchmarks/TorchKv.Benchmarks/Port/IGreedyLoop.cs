namespace TorchKv.Benchmarks.Port;

/// <summary>
/// Greedy generation of a batch, step by step: the first step computes the prompts, each later one a token a sequence.
/// </summary>
internal interface IGreedyLoop : IDisposable
{
    /// <summary>
    /// Runs a step and waits for the device once: for the token that it returns, or for the logits that tokens are
    /// chosen from.
    /// </summary>
    /// <returns>The first sequence's token; 0 on the meta device, which has no values.</returns>
    int Next();
}
