namespace TorchKv.TestSupport;

/// <summary>
/// Compares numbers elementwise: |actual − expected| ≤ absolute + relative · |expected|, and neither is NaN.
/// </summary>
internal static partial class Close
{
    public static void To(
        ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what = "", double absolute = 1e-4,
        double relative = 1e-4)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            // Written so that NaN on either side fails
            Assert.True(
                Math.Abs(actual[i] - expected[i]) <= absolute + (relative * Math.Abs(expected[i])),
                $"{what}: element {i} is {actual[i]:R}, expected {expected[i]:R}");
        }
    }
}
