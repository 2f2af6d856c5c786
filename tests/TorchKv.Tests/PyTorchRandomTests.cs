using System.Runtime.Intrinsics.X86;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests;

/// <summary>The fixtures' generator is libtorch's.</summary>
public sealed class PyTorchRandomTests
{
    [Theory]
    [InlineData(0, 16, 1.0)]
    [InlineData(123, 10128, 0.25)]
    [InlineData(4_000_000_000, 100_000, 0.1)]
    public void NormalValuesAreLibtorchsBitForBit(long seed, int count, double std)
    {
        Assert.SkipUnless(Avx2.IsSupported && Fma.IsSupported, "Without AVX2 and FMA libtorch's last bits are others.");
        using var generator = new Generator((ulong)seed);
        using var theirs = empty(2 * count);
        theirs.normal_(0, std, generator);
        var random = new PyTorchRandom((uint)seed);

        float[] ours = [.. random.Normal(count, (float)std), .. random.Normal(count, (float)std)];

        Assert.Equal(
            theirs.data<float>().Select(BitConverter.SingleToInt32Bits), ours.Select(BitConverter.SingleToInt32Bits));
    }

    [Fact]
    public void ATensorTakesANumberForEachElement()
    {
        using var generator = new Generator(5);
        using var passed = empty(64).normal_(0, 1, generator);
        using var uniform = empty(64).uniform_(0, 1, generator);
        using var theirs = empty(16).normal_(0, 1, generator);
        var random = new PyTorchRandom(5);
        random.Skip(128);
        Close.To(theirs.data<float>().ToArray(), random.Normal(16, 1), "the values after 128 others", 1e-6, 1e-5);
    }
}
