using static TorchSharp.torch;

namespace TorchKv.Tests;

/// <summary>Compares tensors elementwise: |actual − expected| ≤ absolute + relative·|expected|, and neither is NaN.</summary>
internal static class Close
{
    public static void To(Tensor expected, Tensor actual, string what, double absolute = 1e-4, double relative = 1e-4)
    {
        Assert.True(expected.shape.SequenceEqual(actual.shape), $"{what}: shape ({string.Join(", ", actual.shape)}), expected ({string.Join(", ", expected.shape)})");
        To(Values(expected), Values(actual), what, absolute, relative);
    }

    public static void To(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what, double absolute = 1e-4, double relative = 1e-4)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            // Written so that NaN on either side fails
            Assert.True(
                Math.Abs(actual[i] - expected[i]) <= absolute + (relative * Math.Abs(expected[i])),
                $"{what}: element {i} is {actual[i]}, expected {expected[i]}");
        }
    }

    public static float[] Values(Tensor t) => t.detach().to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
}
