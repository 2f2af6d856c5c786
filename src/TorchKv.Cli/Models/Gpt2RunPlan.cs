using TorchKv.PortChecking.Traces;

namespace TorchKv.Cli.Models;

/// <summary>
/// How GPT-2 repeats a traced run: which steps continue from the cache, and how positions are counted.
/// </summary>
/// <param name="Continues">
/// Whether each step continues the sequences of the steps before; else it begins new ones.
/// </param>
/// <param name="PositionsFromMask">
/// Whether a step with an attention mask and without position ids counts the tokens that are not padding. Else it
/// counts all, as HuggingFace's GPT-2 does.
/// </param>
/// <param name="FollowsTheTrace">
/// Whether no step contradicts what the trace tells about it, by a record or by its outputs.
/// </param>
internal sealed record Gpt2RunPlan(IReadOnlyList<bool> Continues, bool PositionsFromMask, bool FollowsTheTrace)
{
    /// <summary>The plans that a trace allows, from the likeliest to the least likely.</summary>
    /// <param name="original">The trace.</param>
    /// <param name="contextLength">The most tokens that a sequence can have.</param>
    public static IReadOnlyList<Gpt2RunPlan> All(RecordedTrace original, int contextLength)
    {
        // With the cache wherever that is not known; then with it, and without it, wherever it is not recorded.
        TraceStep[] steps = [.. original.GetSteps()];
        bool[][] continues =
        [
            Fit(steps, contextLength, step => step.Continues ?? true),
            Fit(steps, contextLength, step => !step.ContinuesIsRecorded || step.Continues == true),
            Fit(steps, contextLength, step => step.ContinuesIsRecorded && step.Continues == true),
        ];
        var isMasked = steps.Any(step =>
            step.InputNames.Contains("attention_mask") && !step.InputNames.Contains("position_ids"));
        bool[] counts = isMasked ? [false, true] : [false];
        return [.. continues.DistinctBy(plan => string.Join(' ', plan))
            .SelectMany(plan => counts.Select(count => new Gpt2RunPlan(plan, count, Follows(steps, plan))))];
    }

    /// <summary>
    /// Whether a step goes through the cache. It need not where no step continues, as in generation without a cache.
    /// </summary>
    public bool UsesCache => Continues.Count == 1 || Continues.Contains(true);

    private static bool Follows(TraceStep[] steps, bool[] plan) =>
        steps.Zip(plan).All(step => step.First.Continues is not { } told || told == step.Second);

    // A step that does not fit the context after the ones before it begins new sequences.
    private static bool[] Fit(TraceStep[] steps, int contextLength, Func<TraceStep, bool> continues)
    {
        var plan = new bool[steps.Length];
        var past = 0;
        for (var i = 0; i < steps.Length; i++)
        {
            var tokens = steps[i].Ids.Length == 0 ? 0 : steps[i].Ids[0].Length;
            plan[i] = i > 0 && continues(steps[i]) && past + tokens <= contextLength;
            past = (plan[i] ? past : 0) + tokens;
        }

        return plan;
    }
}
