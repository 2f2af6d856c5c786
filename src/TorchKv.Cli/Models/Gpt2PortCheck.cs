using TorchKv.Models;
using TorchKv.PortChecking;
using TorchKv.PortChecking.Report;
using TorchKv.PortChecking.Traces;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>Compares TorchKv's GPT-2 with a trace of its original.</summary>
internal static class Gpt2PortCheck
{
    // The arguments that the model takes, and those that do not change its logits.
    private static readonly string[] s_knownInputs =
    [
        "arg0", "input_ids", "in_idx", "idx", "attention_mask", "position_ids", "token_type_ids", "labels",
        "cache_position", "logits_to_keep",
    ];

    /// <summary>Gives the model the inputs of the trace, step by step, and compares all outputs.</summary>
    /// <param name="original">The trace of the original.</param>
    /// <param name="model">The model with the original's weights. Its cache is emptied first.</param>
    /// <param name="options">Bounds and names; null for the defaults.</param>
    /// <exception cref="TraceException">
    /// The trace has no ids, ids beyond the vocabulary, or a mask that is not of padding.
    /// </exception>
    /// <exception cref="TorchKvException">The tokens do not fit the model's context.</exception>
    public static PortCheckReport Compare(
        RecordedTrace original, GPTModel model, PortCheckOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (original.Steps.Count == 0)
        {
            throw new TraceException($"{original.Name} does not say which ids were fed; "
                + "trace the call of the model itself, whose input they are.");
        }

        // A trace need not tell how the original counted positions under a mask, and which steps used its cache. The
        // port is the same if one of the possible plans gives the same outputs. If none does, the plan that agrees
        // longest is reported, of those that follow what the trace tells.
        PortCheckReport? best = null, first = null;
        TorchKvException? failed = null;
        foreach (var plan in Gpt2RunPlan.All(original, model.cfg.context_length))
        {
            try
            {
                var run = new Gpt2Run(original, model, plan);
                var report = PortChecker.Compare(original, model, run.Step, options);
                first ??= report;
                if (report.Same || (plan.FollowsTheTrace && Agreement(report) > Agreement(best)))
                {
                    best = report;
                }

                if (report.Same)
                {
                    break;
                }
            }
            catch (TorchKvException error)
            {
                failed ??= error;
            }
        }

        best ??= first ?? throw failed!;
        return best with { Notes = [.. best.Notes, .. Notes(original)] };
    }

    // The number of outputs before the first difference.
    private static int Agreement(PortCheckReport? report) =>
        report is null ? int.MinValue : report.Modules.ToList().FindIndex(module => module.Key == report.First);

    private static IEnumerable<string> Notes(RecordedTrace original)
    {
        var names = original.GetSteps().SelectMany(step => step.InputNames).Distinct();
        var unknown = string.Join(", ", names.Except(s_knownInputs));
        if (unknown.Length > 0)
        {
            yield return $"the original was also given {unknown}, which TorchKv's GPT-2 does not take";
        }
    }
}
