namespace TorchKv.PortChecking.Comparison;

/// <summary>The error of one module's output in one step.</summary>
/// <param name="Key">The original's key.</param>
/// <param name="PortKey">The port's key; null where the port has no such output.</param>
/// <param name="MaxAbs">
/// The largest |port − original|; NaN where the shapes differ, or where one side has a number and the other NaN or
/// infinity.
/// </param>
/// <param name="MaxRel">
/// The largest |port − original| ÷ max(|original|, the original's root mean square); NaN as <paramref name="MaxAbs"/>.
/// </param>
/// <param name="Bound">The largest error allowed, as a multiple of |original| + root mean square.</param>
/// <param name="Within">Whether all numbers are within the bound.</param>
/// <param name="Shape">The original's shape.</param>
/// <param name="PortShape">The port's shape; null where the port has no such output.</param>
public sealed record ModuleError(
    string Key,
    string? PortKey,
    double MaxAbs,
    double MaxRel,
    double Bound,
    bool Within,
    IReadOnlyList<int> Shape,
    IReadOnlyList<int>? PortShape);
