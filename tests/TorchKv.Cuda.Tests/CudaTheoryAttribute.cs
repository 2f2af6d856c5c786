using System.Runtime.CompilerServices;
using Xunit.v3;

namespace TorchKv.Cuda.Tests;

/// <summary>
/// A theory that is there only where a CUDA device is. Elsewhere <see cref="CudaDeviceTests"/> is skipped for all of
/// them.
/// </summary>
[XunitTestCaseDiscoverer(typeof(CudaTheoryDiscoverer))]
internal sealed class CudaTheoryAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1)
    : TheoryAttribute(file, line);
