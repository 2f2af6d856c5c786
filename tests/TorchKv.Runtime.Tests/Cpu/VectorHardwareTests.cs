using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>
/// Processors with less vector hardware give the same bits. Child processes of this executable stand in for them: there
/// .NET is told not to use the hardware.
/// </summary>
public sealed class VectorHardwareTests
{
    private const string ExpectedDigest = "TORCHKV_TEST_DIGEST";
    private const string ExpectedWidth = "TORCHKV_TEST_WIDTH";

    /// <summary>
    /// The switches of .NET 10. For each: the widest vectors that remain on x64 with AVX-512, on x64 with AVX2 and on
    /// Arm64.
    /// </summary>
    public static TheoryData<string, string, string, string> Switches => new()
    {
        { "DOTNET_EnableAVX512", "Bits256", "Bits256", "Bits128" },
        { "DOTNET_EnableAVXVNNI", "Bits512", "Bits256", "Bits128" },
        { "DOTNET_EnableAVX2", "Scalar", "Scalar", "Bits128" },
        { "DOTNET_EnableHWIntrinsic", "Scalar", "Scalar", "Scalar" },
    };

    [Theory]
    [MemberData(nameof(Switches))]
    public async Task AProcessWithLessVectorHardwareGivesTheSameBits(
        string name, string withAvx512, string withAvx2, string withNeon)
    {
        var width = KernelSet.Widest switch
        {
            VectorWidth.Bits512 => withAvx512,
            VectorWidth.Bits256 => withAvx2,
            VectorWidth.Bits128 => withNeon,
            _ => "Scalar",
        };
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
        {
            start.ArgumentList.Add(typeof(VectorHardwareTests).Assembly.Location);
        }

        var type = typeof(VectorHardwareTests).FullName;
        start.ArgumentList.Add("-method");
        start.ArgumentList.Add($"{type}.{nameof(AChildProcessGetsTheDigestOfItsParent)}");
        start.Environment[name] = "0";
        start.Environment[ExpectedDigest] = Digest();
        start.Environment[ExpectedWidth] = width;
        using var child = Process.Start(start)!;
        var errors = child.StandardError.ReadToEndAsync();
        var output = await child.StandardOutput.ReadToEndAsync();
        await child.WaitForExitAsync();
        Assert.True(child.ExitCode == 0, output + await errors);
        Assert.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", output);
    }

    [Fact]
    public void AChildProcessGetsTheDigestOfItsParent()
    {
        var expected = Environment.GetEnvironmentVariable(ExpectedDigest);
        Assert.SkipWhen(
            expected is null,
            $"This test runs only in the child processes of {nameof(AProcessWithLessVectorHardwareGivesTheSameBits)}.");
        Assert.Equal(Environment.GetEnvironmentVariable(ExpectedWidth), KernelSet.Widest.ToString());
        Assert.Equal(expected, Digest());
    }

    /// <summary>A digest of the logits of one model for every dtype, for a prompt and some further tokens.</summary>
    private static string Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var dtype in Enum.GetValues<CpuDType>())
        {
            using var models = new Models(100 + (int)dtype);
            var kv = (int)dtype % 2 == 0 ? CpuDType.Float32 : CpuDType.BFloat16;
            using var runner = models.Load(new CpuRunnerOptions { DType = dtype, KvDType = kv, Threads = 2 });
            var ids = Models.Ids(models.Config, 40, new Random(100));
            hash.AppendData(MemoryMarshal.AsBytes<float>(RunnerSequence.For(runner, ids.Length).Run(ids, 31, 1, 2, 1)));
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
