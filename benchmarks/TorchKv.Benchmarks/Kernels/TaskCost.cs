namespace TorchKv.Benchmarks.Kernels;

/// <summary>What a task costs a thread that runs alone.</summary>
/// <param name="Seconds">Its time.</param>
/// <param name="Bytes">What it reads from memory.</param>
internal readonly record struct TaskCost(double Seconds, double Bytes);
