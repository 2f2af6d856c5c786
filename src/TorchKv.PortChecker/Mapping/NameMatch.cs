using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Mapping;

/// <summary>The mapping that a comparison uses, and where it comes from.</summary>
/// <param name="Mapping">The names of the port's modules.</param>
/// <param name="Source">Where the mapping comes from.</param>
internal sealed record NameMatch(ModuleMapping Mapping, NameMatchSource Source)
{
    /// <summary>With a mapping by shapes: the rules that it follows, to be looked at.</summary>
    public ModuleMapping? Proposal { get; private init; }

    /// <summary>
    /// With a mapping by shapes: how many of the original's modules are not in the port under their own name.
    /// </summary>
    public int Missing { get; private init; }

    /// <summary>With a mapping by shapes: how many modules the original has.</summary>
    public int Modules { get; private init; }

    /// <summary>With a mapping by shapes: how many modules were paired.</summary>
    public int Paired { get; private init; }

    /// <summary>Finds the names of the port's modules for the original's.</summary>
    public static NameMatch Find(RecordedTrace original, RecordedTrace port)
    {
        var same = new NameMatch(ModuleMapping.Identity, NameMatchSource.SameNames);
        string[] modules =
            [.. original.Order.Select(key => key.Module).Where(module => module != original.Root).Distinct()];
        var names = port.Order.Select(key => key.Module).ToHashSet();
        string[] missing = [.. modules.Where(module => !names.Contains(module))];
        if (missing.Length == 0)
        {
            return same;
        }

        var known = modules.Count(module => ModuleMapping.HuggingFaceGpt2.Map(module).All(names.Contains));
        if (known > modules.Length - missing.Length
            && Array.Exists(missing, module => module.Contains("attn.c_attn", StringComparison.Ordinal)))
        {
            return new(ModuleMapping.HuggingFaceGpt2, NameMatchSource.HuggingFaceGpt2);
        }

        var pairs = missing.Length * 2 <= modules.Length ? [] : MappingProposal.Align(Shapes(original), Shapes(port));
        return pairs.Count == 0 ? same : new(ModuleMapping.FromPairs(pairs), NameMatchSource.Shapes)
        {
            Proposal = MappingProposal.Generalise(pairs),
            Missing = missing.Length,
            Modules = modules.Length,
            Paired = pairs.Count,
        };
    }

    private static List<(string, int[])> Shapes(RecordedTrace trace) =>
        [.. trace.Order.Where(key => key is { Step: 0, Call: 1, Part: null } && key.Module != trace.Root)
            .Select(key => (key.Module, trace.ShapeOf(key)))];
}
