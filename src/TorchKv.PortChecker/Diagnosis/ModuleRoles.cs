namespace TorchKv.PortChecking.Diagnosis;

/// <summary>What a module is for, by its class where the trace tells it, else by the names that are usual.</summary>
internal static class ModuleRoles
{
    /// <summary>The names of parameters that are compared.</summary>
    public static IReadOnlyList<string> ParameterNames { get; } = ["weight", "bias", "scale", "shift"];

    /// <summary>Whether the module has weights.</summary>
    public static bool HasParameters(Mismatch mismatch)
    {
        var module = mismatch.Expected.Key.Module;
        var name = LastPart(module);
        return mismatch.Type.Length > 0
            ? mismatch.Type is "Linear" or "Embedding" or "Conv1D" or "LayerNorm"
            : name.Contains("proj") || name.Contains("emb") || name.Contains("head") || name is "wte" or "wpe"
                || name.StartsWith("W_", StringComparison.Ordinal) || name.StartsWith("c_", StringComparison.Ordinal)
                || module.EndsWith("layers.0", StringComparison.Ordinal);
    }

    /// <summary>Whether a module multiplies its input by a matrix.</summary>
    public static bool IsMatrix(Mismatch mismatch, string module)
    {
        if (mismatch.Facts.Types.TryGetValue(module, out var type))
        {
            return type is "Linear" or "Conv1D";
        }

        var name = LastPart(module);
        return name.StartsWith("W_", StringComparison.Ordinal) || name.StartsWith("c_", StringComparison.Ordinal)
            || name.Contains("proj");
    }

    /// <summary>Whether the module is a table of vectors.</summary>
    public static bool IsEmbedding(Mismatch mismatch)
    {
        var name = LastPart(mismatch.Expected.Key.Module);
        return mismatch.Type == "Embedding" || name.Contains("emb", StringComparison.Ordinal) || name is "wte" or "wpe";
    }

    /// <summary>Whether the module is a normalisation.</summary>
    public static bool IsNormalisation(Mismatch mismatch)
    {
        var name = LastPart(mismatch.Expected.Key.Module);
        return mismatch.Type.Contains("norm", StringComparison.OrdinalIgnoreCase)
            || name.Contains("norm", StringComparison.OrdinalIgnoreCase)
            || name.StartsWith("ln", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Whether the module projects the joined heads; its input is no module's output.</summary>
    public static bool JoinsHeads(Mismatch mismatch)
    {
        var module = mismatch.Expected.Key.Module;
        return LastPart(module) is "out_proj" or "c_proj" or "o_proj" or "dense" && IsInAttention(module);
    }

    /// <summary>
    /// Whether the first attention has begun. Before it, no output depends on more than one position.
    /// </summary>
    public static bool FollowsAttention(Mismatch mismatch) =>
        mismatch.Earlier.Any(pair => IsInAttention(pair.Key.Module)) || IsInAttention(mismatch.Expected.Key.Module);

    private static bool IsInAttention(string module) => module.Contains("att", StringComparison.OrdinalIgnoreCase);

    private static string LastPart(string module) => module[(module.LastIndexOf('.') + 1)..];
}
