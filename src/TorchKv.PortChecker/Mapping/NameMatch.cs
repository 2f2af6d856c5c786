using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Mapping;

/// <summary>The names of the port's modules for the original's in a comparison, and where they come from.</summary>
internal sealed class NameMatch
{
    private readonly ModuleMapping _mapping;
    private readonly HashSet<string> _port;
    private readonly string? _wrapper;

    private NameMatch(
        ModuleMapping mapping,
        NameMatchSource source,
        HashSet<string> port,
        string? wrapper = null,
        string? root = null)
    {
        _mapping = mapping;
        _port = port;
        _wrapper = wrapper;
        Root = root;
        Source = source;
    }

    /// <summary>Where the names come from.</summary>
    public NameMatchSource Source { get; }

    /// <summary>The port's module that gives the original's own output; null for the port's own output.</summary>
    public string? Root { get; }

    /// <summary>With names by shapes: the rules that they follow, for a look at them.</summary>
    public ModuleMapping? Proposal { get; private init; }

    /// <summary>
    /// With names by shapes: how many of the original's modules are not in the port under their own name.
    /// </summary>
    public int Missing { get; private init; }

    /// <summary>With names by shapes: how many modules the original has.</summary>
    public int Modules { get; private init; }

    /// <summary>With names by shapes: how many modules were paired.</summary>
    public int Paired { get; private init; }

    /// <summary>The names that options give, as far as they do.</summary>
    public static NameMatch Given(ModuleMapping mapping, RecordedTrace original, RecordedTrace port)
    {
        var names = Names(port);
        var wrapper = Wrapper(Names(original), name => mapping.Maps(name) || names.Contains(name));
        return new(mapping, NameMatchSource.Options, names, wrapper);
    }

    /// <summary>Finds the names of the port's modules for the original's.</summary>
    public static NameMatch Find(RecordedTrace original, RecordedTrace port)
    {
        var names = Names(port);
        var modules = Names(original);
        var wrapper = Wrapper(modules, names.Contains);
        var same = new NameMatch(ModuleMapping.Identity, NameMatchSource.SameNames, names, wrapper);
        var missing = modules.Count(module => !same.Map(module).All(Exists));
        var huggingFace = HuggingFace(original, names);
        var found = modules.Count(module => huggingFace?.Map(module).All(Exists) is true);

        // Where only the model's own output was recorded, the names of the modules tell which it is.
        if (huggingFace is not null && (found > modules.Count - missing
            || (modules.Count == 0 && huggingFace.Root is { } root && names.Contains(root))))
        {
            return huggingFace;
        }

        if (missing == 0)
        {
            return same;
        }

        var pairs = missing * 2 <= modules.Count ? [] : MappingProposal.Align(Shapes(original), Shapes(port));
        return pairs.Count == 0
            ? same
            : new(ModuleMapping.FromPairs(pairs), NameMatchSource.Shapes, names)
            {
                Proposal = MappingProposal.Generalise(pairs),
                Missing = missing,
                Modules = modules.Count,
                Paired = pairs.Count,
            };

        bool Exists(string? name) => name is null || names.Contains(name);
    }

    /// <summary>
    /// The port's names for a module of the original: several to be joined, or none if it is not compared. Null stands
    /// for the port's own output.
    /// </summary>
    public IReadOnlyList<string?> Map(string module)
    {
        if (IsKnown(module))
        {
            return _mapping.Map(module);
        }

        // A wrapper and its only part give what the model gives.
        var bare = Wrappers.WithoutParts(module);
        if (_wrapper is not null && !IsKnown(bare))
        {
            bare = bare == _wrapper || _wrapper.StartsWith(bare + ".", StringComparison.Ordinal) ? ""
                : bare.StartsWith(_wrapper + ".", StringComparison.Ordinal) ? bare[(_wrapper.Length + 1)..]
                : bare;
        }

        if (bare.Length == 0)
        {
            return [Root];
        }

        return _mapping.Map(bare);
    }

    private bool IsKnown(string module) => _mapping.Maps(module) || _port.Contains(module);

    private static NameMatch? HuggingFace(RecordedTrace original, HashSet<string> names)
    {
        // All modules, recorded or not, as far as the trace names them.
        var parameters = original.Facts.Parameters.Keys.Select(name => name[..Math.Max(0, name.LastIndexOf('.'))]);
        string[] modules = [.. Names(original).Concat(original.Facts.Modules).Concat(parameters)
            .Select(Wrappers.WithoutParts).Distinct()];
        if (HuggingFaceNames.Prefix(modules) is not { } prefix)
        {
            return null;
        }

        // GPT2LMHeadModel has GPT2Model as its part "transformer". GPT2Model alone has no head, and gives final_norm's
        // output.
        const string part = "transformer.";
        var isPart = prefix == part || prefix.EndsWith("." + part, StringComparison.Ordinal);
        var outer = isPart ? prefix[..^part.Length] : prefix;
        var rules = HuggingFaceNames.Rules(prefix).Append((outer + "lm_head", ["out_head"]));
        var mapping = ModuleMapping.FromRules(
            [.. isPart ? rules.Append((prefix.TrimEnd('.'), ["final_norm"])) : rules]);
        return new(
            mapping,
            NameMatchSource.HuggingFaceGpt2,
            names,
            outer.Length > 0 ? outer.TrimEnd('.') : null,
            isPart || modules.Contains(outer + "lm_head") ? null : "final_norm");
    }

    // The longest prefix without which more names fit, if any does.
    private static string? Wrapper(HashSet<string> modules, Func<string, bool> fits)
    {
        string[] bare = [.. modules.Select(Wrappers.WithoutParts).Where(name => name.Length > 0)];
        var (best, most) = ((string?)null, bare.Count(fits));
        foreach (var prefix in Wrappers.CommonPrefixes(bare))
        {
            var count = bare.Count(name =>
                name.StartsWith(prefix + ".", StringComparison.Ordinal) && fits(name[(prefix.Length + 1)..]));
            (best, most) = count > most ? (prefix, count) : (best, most);
        }

        return best;
    }

    private static HashSet<string> Names(RecordedTrace trace) =>
        [.. trace.Order.Select(key => key.Module).Where(module => module != trace.Root)];

    private static List<(string, int[])> Shapes(RecordedTrace trace) =>
        [.. trace.Order.Where(key => key is { Step: 0, Call: 1, Part: null } && key.Module != trace.Root)
            .Select(key => (key.Module, trace.FullShapeOf(key)))];
}
