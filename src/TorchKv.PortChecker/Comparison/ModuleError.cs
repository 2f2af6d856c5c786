namespace TorchKv.PortChecking.Comparison;

/// <summary>The error of one module in one step.</summary>
/// <param name="Key">The original's key.</param>
/// <param name="PortKey">The port's; null where the port has no such module.</param>
/// <param name="MaxAbs">Largest |port − original|; NaN where the shapes differ, or where one has a number and the other has none.</param>
/// <param name="MaxRel">Largest |port − original| ÷ max(|original|, the original's root mean square); NaN as before.</param>
/// <param name="Bound">Largest error allowed, as a multiple of |original| + root mean square.</param>
/// <param name="Within">Whether every number is within the bound.</param>
/// <param name="Shape">The original's shape.</param>
/// <param name="PortShape">The port's shape; null where it has no such module.</param>
public sealed record ModuleError(
    string Key, string? PortKey, double MaxAbs, double MaxRel, double Bound, bool Within, IReadOnlyList<int> Shape, IReadOnlyList<int>? PortShape);
