using TorchKv.Cli.CommandLine;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Cli.Commands;

/// <summary>
/// Makes the list of policies that a simulation compares: each named policy with each token budget and each chunk size.
/// </summary>
internal static class SimulatedPolicies
{
    /// <summary>The most rows of a table.</summary>
    public const int Most = 32;

    private static readonly (string Key, string Name, Func<SchedulingOptions, SchedulingOptions> Of)[] s_policies =
    [
        ("first-come", "first come", common => common),
        (
            "whole-prompts",
            "whole prompts",
            common => common with { PrefillTokensBesideDecodes = common.MaxTokensPerStep }),
        ("shortest-first", "shortest first", common => common with { QueueOrder = QueueOrder.ShortestPromptFirst }),
        ("no-prefix-cache", "no prefix cache", common => common with { PrefixCaching = false }),
    ];

    public static string Names { get; } = string.Join(", ", s_policies.Select(policy => policy.Key));

    /// <summary>Gives the policies in the order of the command line.</summary>
    /// <param name="asked">
    /// Names with commas between; null: all of them, or first-come alone where budgets or chunks are compared.
    /// </param>
    /// <param name="budgets">Tokens in a step.</param>
    /// <param name="chunks">Prompt tokens beside decodes; null: the engine's default.</param>
    /// <param name="common">Everything else.</param>
    /// <exception cref="UsageException">There is no policy of such a name, or there would be too many rows.</exception>
    public static IReadOnlyList<SimulatedPolicy> Of(
        string? asked, int[] budgets, int[]? chunks, SchedulingOptions common)
    {
        var compares = budgets.Length > 1 || chunks is not null;
        var keys = asked?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            ?? (compares ? ["first-come"] : [.. s_policies.Select(policy => policy.Key)]);
        if (keys.Length == 0)
        {
            throw new UsageException($"--policy takes names out of {Names}.");
        }

        var rows = new List<SimulatedPolicy>();
        foreach (var key in keys.Distinct(StringComparer.Ordinal))
        {
            var (_, name, of) = Array.Find(s_policies, policy => policy.Key == key);
            if (of is null)
            {
                throw new UsageException($"--policy '{Values.Shorten(key)}' is none of {Names}.");
            }

            foreach (var budget in budgets.Distinct())
            {
                foreach (var chunk in (chunks ?? [common.PrefillTokensBesideDecodes]).Distinct())
                {
                    var scheduling = of(common with
                    {
                        MaxTokensPerStep = budget,
                        PrefillTokensBesideDecodes = Math.Min(chunk, budget),
                    });
                    if (!rows.Exists(row => row.Name == name && row.Scheduling == scheduling))
                    {
                        rows.Add(new SimulatedPolicy(name, scheduling));
                    }
                }
            }
        }

        return rows.Count <= Most
            ? rows
            : throw new UsageException(
                $"{rows.Count} combinations of policies, budgets and chunks, but a table has at most {Most} rows.");
    }
}
