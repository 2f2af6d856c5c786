using System.Globalization;

namespace TorchKv.PortChecking.Traces;

/// <summary>A key of a trace, <c>STEP.MODULE[#CALL][:PART]</c>, such as <c>001.trf_blocks.0.att</c>.</summary>
/// <param name="Step">The step, from 0.</param>
/// <param name="Module">The module's dotted name.</param>
/// <param name="Call">The number of the module's call within the step, from 1.</param>
/// <param name="Part">The name of a further tensor of the output; null for the first tensor.</param>
public sealed record TraceKey(int Step, string Module, int Call = 1, string? Part = null)
{
    /// <summary>The module's name for a sentence, with the call where it is not the first.</summary>
    internal string ModuleAndCall => Call == 1 ? Module : $"{Module} (call {Call})";

    /// <summary>Reads a key.</summary>
    /// <returns>The key, or null where the text is not one.</returns>
    public static TraceKey? TryParse(string text)
    {
        var dot = text.IndexOf('.');
        if (dot < 1
            || !int.TryParse(text.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out var step))
        {
            return null;
        }

        var module = text[(dot + 1)..];
        string? part = null;
        if (module.IndexOf(':') is >= 0 and var colon)
        {
            (module, part) = (module[..colon], module[(colon + 1)..]);
        }

        var call = 1;
        if (module.LastIndexOf('#') is > 0 and var hash
            && int.TryParse(module.AsSpan(hash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number > 1)
        {
            (module, call) = (module[..hash], number);
        }

        return module.Length == 0 ? null : new TraceKey(step, module, call, part);
    }

    /// <summary>The key's text.</summary>
    public override string ToString()
    {
        var call = Call == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"#{Call}");
        var part = Part is null ? "" : ":" + Part;
        return string.Create(CultureInfo.InvariantCulture, $"{Step:000}.{Module}{call}{part}");
    }

    /// <summary>Whether <paramref name="other"/> is of the same step and of a module inside this one.</summary>
    internal bool Contains(TraceKey other, string root) =>
        Step == other.Step && other.Module != Module
        && (Module == root || other.Module.StartsWith(Module + ".", StringComparison.Ordinal));
}
