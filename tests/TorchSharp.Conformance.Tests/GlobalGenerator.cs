namespace TorchSharp.Conformance;

/// <summary>The default generator is the process's: tests that seed it and draw from it take turns.</summary>
internal sealed class GlobalGenerator : IDisposable
{
    private static readonly SemaphoreSlim s_turn = new(1, 1);

    private GlobalGenerator()
    {
    }

    public static GlobalGenerator Seeded(long seed)
    {
        s_turn.Wait();
        torch.random.manual_seed(seed);
        return new GlobalGenerator();
    }

    public void Dispose() => s_turn.Release();
}
