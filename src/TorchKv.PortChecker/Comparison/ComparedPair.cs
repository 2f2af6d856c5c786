using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>
/// A module's output in both traces. The numbers are read when they are asked for, and may be read again.
/// </summary>
/// <param name="key">The original's key.</param>
/// <param name="portKey">The port's key; null where the port has no such output.</param>
/// <param name="shape">The original's shape.</param>
/// <param name="portShape">The port's shape; null where the port has no such output.</param>
/// <param name="expected">Reads the original's numbers.</param>
/// <param name="actual">Reads the port's numbers; null where the port has no such output.</param>
internal sealed class ComparedPair(
    TraceKey key,
    TraceKey? portKey,
    int[] shape,
    int[]? portShape,
    Func<Activation> expected,
    Func<Activation>? actual)
{
    private readonly WeakReference<Activation> _expected = new(null!);
    private readonly WeakReference<Activation> _actual = new(null!);

    public TraceKey Key => key;

    public TraceKey? PortKey => portKey;

    public int[] Shape => shape;

    public int[]? PortShape => portShape;

    public Activation Expected => Load(_expected, expected);

    public Activation Actual => Load(_actual, actual!);

    /// <summary>The same with the two sides exchanged.</summary>
    public ComparedPair Mirror() => new(key, portKey, portShape!, shape, () => Actual, () => Expected);

    private static Activation Load(WeakReference<Activation> cached, Func<Activation> read)
    {
        if (!cached.TryGetTarget(out var activation))
        {
            cached.SetTarget(activation = read());
        }

        return activation;
    }
}
