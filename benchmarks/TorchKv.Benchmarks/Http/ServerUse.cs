namespace TorchKv.Benchmarks.Http;

/// <summary>What a server's process has used since it started, and what it has now.</summary>
/// <param name="CpuMicroseconds">Processor time of all its threads.</param>
/// <param name="KernelMicroseconds">Of that, time in the kernel.</param>
/// <param name="CompiledMethods">Methods that were compiled, those compiled again included.</param>
/// <param name="Allocated">Bytes that were allocated on the managed heap.</param>
/// <param name="Managed">Bytes on the managed heap now.</param>
/// <param name="Resident">Bytes resident now; 0 where the heap was not collected before.</param>
/// <param name="Handles">Open files and sockets.</param>
/// <param name="Threads">Threads.</param>
internal sealed record ServerUse(
    double CpuMicroseconds,
    double KernelMicroseconds,
    long CompiledMethods,
    long Allocated,
    long Managed,
    long Resident,
    int Handles,
    int Threads);
