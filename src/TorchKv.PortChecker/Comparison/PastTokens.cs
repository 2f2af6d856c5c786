using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>Counts the tokens in each row before each step.</summary>
internal static class PastTokens
{
    /// <summary>The number of tokens before each step, by step; 0 in all steps of a run without a cache.</summary>
    public static Dictionary<int, int> Of(RecordedTrace original, IReadOnlyList<ComparedPair> pairs)
    {
        var past = new Dictionary<int, int>();
        var total = 0;
        foreach (var step in pairs.Select(pair => pair.Key.Step).Distinct().Order())
        {
            past[step] = total;
            var ids = step < original.Steps.Count ? original.Steps[step] : null;
            var first = pairs.First(pair => pair.Key.Step == step).Shape;

            // Where ids were not recorded, the first output tells how many there were.
            total += ids is { Length: > 0 } ? ids[0].Length : first.Length >= 2 ? first[^2] : 0;
        }

        // Without a cache the attention weights are square, and a later step has at least as many tokens as came
        // before.
        ComparedPair[] weights = [.. pairs.Where(pair => pair.Shape.Length == 4 && past[pair.Key.Step] > 0)];
        var isUncached = weights.Length > 0 && Array.TrueForAll(
            weights, pair => pair.Shape[^1] == pair.Shape[^2] && pair.Shape[^1] >= past[pair.Key.Step]);
        return isUncached ? past.Keys.ToDictionary(step => step, _ => 0) : past;
    }
}
