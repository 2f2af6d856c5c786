namespace TorchKv.Simulation;

/// <summary>A request of a simulated workload.</summary>
/// <param name="Arrival">Seconds after the start.</param>
/// <param name="PromptTokens">Tokens of its prompt, the shared prefix included.</param>
/// <param name="NewTokens">Tokens that it generates.</param>
/// <param name="Prefix">Requests with the same one begin alike; empty: it begins like no other.</param>
/// <param name="PrefixTokens">How many tokens of the prompt that is.</param>
/// <param name="Priority">Lower runs first.</param>
internal readonly record struct SimulatedRequest(
    double Arrival, int PromptTokens, int NewTokens, string Prefix = "", int PrefixTokens = 0, int Priority = 0)
{
    /// <summary>The most tokens that a simulated prompt or generation may have.</summary>
    public const int MaxTokens = 1 << 19;

    /// <summary>Token ids are below this.</summary>
    public const int Vocabulary = 50_257;

    /// <summary>The token at a position of the request's text: the prefix's own, then the request's own.</summary>
    /// <param name="index">The request's place in the workload.</param>
    /// <param name="position">From 0; past the prompt, what is generated.</param>
    public int Token(int index, int position) => Token(position < PrefixTokens ? Seed(Prefix) : (ulong)index, position);

    /// <summary>The prompt's token ids.</summary>
    /// <param name="index">The request's place in the workload.</param>
    public int[] Prompt(int index)
    {
        var ids = new int[PromptTokens];
        var shared = Seed(Prefix);
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = Token(i < PrefixTokens ? shared : (ulong)index, i);
        }

        return ids;
    }

    // FNV-1a, with the highest bit set: no request's index has it.
    private static ulong Seed(string? prefix)
    {
        var hash = 14695981039346656037UL;
        foreach (var character in prefix ?? "")
        {
            hash = (hash ^ character) * 1099511628211UL;
        }

        return hash | (1UL << 63);
    }

    private static int Token(ulong seed, int position)
    {
        var x = (seed * 0x9e3779b97f4a7c15) ^ (uint)position;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return (int)((x ^ (x >> 31)) % Vocabulary);
    }
}
