using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>A module of both traces in one step; the numbers are read when they are asked for.</summary>
internal sealed class ComparedPair(TraceKey key, TraceKey? portKey, int[] shape, int[]? portShape, Func<Activation> expected, Func<Activation>? actual)
{
    private readonly WeakReference<Activation> expectedNumbers = new(null!);
    private readonly WeakReference<Activation> actualNumbers = new(null!);

    public TraceKey Key => key;

    public TraceKey? PortKey => portKey;

    public int[] Shape => shape;

    public int[]? PortShape => portShape;

    public Activation Expected => Load(expectedNumbers, expected);

    public Activation Actual => Load(actualNumbers, actual!);

    /// <summary>The port in the place of the original.</summary>
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
