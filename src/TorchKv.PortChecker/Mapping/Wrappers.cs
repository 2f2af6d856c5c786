namespace TorchKv.PortChecking.Mapping;

/// <summary>
/// Modules that wrap a model and have it as their only part: torch.compile's, DataParallel's, and modules of one's own.
/// Their names come before, or between, the names of the model's modules.
/// </summary>
internal static class Wrappers
{
    // torch.compile, FullyShardedDataParallel, checkpoint_wrapper. DataParallel's "module" may be a name of a model's
    // own.
    private static readonly string[] s_parts =
        ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

    /// <summary>The name without the parts that only wrappers have; empty for the wrapped model itself.</summary>
    public static string WithoutParts(string module) =>
        string.Join('.', module.Split('.').Where(part => !s_parts.Contains(part)));

    /// <summary>
    /// The names, each without its last dot and what follows, that all other names begin with, from the shortest to the
    /// longest: <c>module</c> and <c>module.transformer</c> for a wrapped model.
    /// </summary>
    public static IEnumerable<string> CommonPrefixes(IReadOnlyCollection<string> modules)
    {
        if (modules.FirstOrDefault(module => module.Contains('.')) is not { } any)
        {
            yield break;
        }

        for (var dot = any.IndexOf('.'); dot > 0; dot = any.IndexOf('.', dot + 1))
        {
            var prefix = any[..dot];
            if (!modules.All(name => name == prefix || prefix.StartsWith(name + ".", StringComparison.Ordinal)
                || name.StartsWith(prefix + ".", StringComparison.Ordinal)))
            {
                yield break;
            }

            yield return prefix;
        }
    }
}
