using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>The same bits where the hardware has less: child processes of this executable, in which .NET does not use it.</summary>
public sealed class VectorHardwareTests
{
    private const string ExpectedDigest = "TORCHKV_TEST_DIGEST";
    private const string ExpectedWidth = "TORCHKV_TEST_WIDTH";

    /// <summary>.NET 10's switches, and the widest vectors that are left with each on x64 with AVX-512, on x64 with AVX2, on Arm64.</summary>
    public static TheoryData<string, string, string, string> Switches => new()
    {
        { "DOTNET_EnableAVX512", "Bits256", "Bits256", "Bits128" },
        { "DOTNET_EnableAVXVNNI", "Bits512", "Bits256", "Bits128" },
        { "DOTNET_EnableAVX2", "Scalar", "Scalar", "Bits128" },
        { "DOTNET_EnableHWIntrinsic", "Scalar", "Scalar", "Scalar" },
    };

    [Theory]
    [MemberData(nameof(Switches))]
    public async Task AProcessWithLessVectorHardwareGivesTheSameBits(string name, string withAvx512, string withAvx2, string withNeon)
    {
        var width = KernelSet.Widest switch
        {
            VectorWidth.Bits512 => withAvx512,
            VectorWidth.Bits256 => withAvx2,
            VectorWidth.Bits128 => withNeon,
            _ => "Scalar",
        };
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
        {
            start.ArgumentList.Add(typeof(VectorHardwareTests).Assembly.Location);
        }

        start.ArgumentList.Add("-method");
        start.ArgumentList.Add($"{typeof(VectorHardwareTests).FullName}.{nameof(InAChildProcessTheDigestIsTheParents)}");
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
    public void InAChildProcessTheDigestIsTheParents()
    {
        var expected = Environment.GetEnvironmentVariable(ExpectedDigest);
        Assert.SkipWhen(expected is null, "It runs in the child processes of the test beside it.");
        Assert.Equal(Environment.GetEnvironmentVariable(ExpectedWidth), KernelSet.Widest.ToString());
        Assert.Equal(expected, Digest());
    }

    /// <summary>Over the logits of models of every dtype, a prompt and some tokens each.</summary>
    private static string Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var dtype in Enum.GetValues<CpuDType>())
        {
            using var models = new Models(100 + (int)dtype);
            using var runner = models.Load(new CpuRunnerOptions { DType = dtype, KvDType = (int)dtype % 2 == 0 ? CpuDType.Float32 : CpuDType.BFloat16, Threads = 2 });
            var ids = Models.Ids(models.Config, 40, new Random(100));
            hash.AppendData(MemoryMarshal.AsBytes<float>(RunnerSequence.For(runner, ids.Length).Run(ids, 31, 1, 2, 1)));
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
