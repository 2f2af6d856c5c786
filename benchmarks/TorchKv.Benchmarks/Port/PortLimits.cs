namespace TorchKv.Benchmarks.Port;

/// <summary>What the device can do at most, measured in the same run.</summary>
/// <param name="BytesPerSecond">Read from memory.</param>
/// <param name="OperationsPerSecond">Of the dtype's products; NaN where it is not known.</param>
internal readonly record struct PortLimits(double BytesPerSecond, double OperationsPerSecond);
