namespace TorchKv.Benchmarks.Cluster;

/// <summary>Signals by their numbers on Linux.</summary>
internal enum UnixSignal
{
    Kill = 9,
    Terminate = 15,
    Continue = 18,
    Stop = 19,
}
