using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>The errors of all outputs, and the first output that is wrong.</summary>
internal sealed class TraceComparison
{
    private TraceComparison(
        RecordedTrace original, RecordedTrace port, NameMatch names, TracePairing pairing, ModuleError[] errors)
    {
        Original = original;
        Port = port;
        Names = names;
        Pairing = pairing;
        Errors = errors;
    }

    public RecordedTrace Original { get; }

    public RecordedTrace Port { get; }

    public NameMatch Names { get; }

    public TracePairing Pairing { get; }

    public IReadOnlyList<ComparedPair> Pairs => Pairing.Pairs;

    /// <summary>The error of each pair.</summary>
    public IReadOnlyList<ModuleError> Errors { get; }

    /// <summary>
    /// The index of the first pair that is wrong; null where all are right. Submodules finish before their parents, and
    /// all modules that finished earlier are right, so the input of this one was right.
    /// </summary>
    public int? First { get; private init; }

    /// <summary>Measures the error of all outputs.</summary>
    /// <param name="original">The original's trace.</param>
    /// <param name="port">The port's trace.</param>
    /// <param name="names">The names of the port's modules.</param>
    /// <param name="bound">
    /// The largest error allowed for a pair, by the number of modules that ran before it in the step.
    /// </param>
    public static TraceComparison Of(
        RecordedTrace original, RecordedTrace port, NameMatch names, Func<ComparedPair, int, double> bound)
    {
        var pairing = TracePairing.Of(original, port, names);
        var places = new KeyIndex(port);
        var errors = new ModuleError[pairing.Pairs.Count];
        var (step, before) = (-1, 0);
        for (var i = 0; i < errors.Length; i++)
        {
            var pair = pairing.Pairs[i];
            (step, before) = pair.Key.Step == step ? (step, before) : (pair.Key.Step, 0);

            // A trace of some modules only does not show how many ran before, the port's does.
            var inPort = pair.PortKey is { } key ? places.PlaceInStep(key) : 0;
            errors[i] = ErrorMeasure.Measure(pair, bound(pair, Math.Max(before, inPort)));
            before += pair.PortKey is null ? 0 : 1;
        }

        return new(original, port, names, pairing, errors) { First = FindFirst(pairing.Pairs, errors) };
    }

    private static int? FindFirst(IReadOnlyList<ComparedPair> pairs, ModuleError[] errors)
    {
        var wrong = Array.FindIndex(errors, error => error is { Within: false, PortKey: not null });
        if (wrong >= 0)
        {
            return wrong;
        }

        // A module that the port lacks does not matter where a later output of the same step is right.
        var lastRight = new Dictionary<int, int>();
        for (var i = 0; i < errors.Length; i++)
        {
            if (errors[i].Within)
            {
                lastRight[pairs[i].Key.Step] = i;
            }
        }

        var missing = Array.FindIndex(errors, error => error.PortKey is null);
        while (missing >= 0 && (pairs[missing].Key.Part is not null
            || lastRight.GetValueOrDefault(pairs[missing].Key.Step, -1) > missing))
        {
            missing = Array.FindIndex(errors, missing + 1, error => error.PortKey is null);
        }

        return missing >= 0 ? missing : null;
    }
}
