using static TorchSharp.torch;

namespace TorchKv.TestSupport;

/// <content>Tensors.</content>
internal static partial class Close
{
    public static void To(Tensor expected, Tensor actual, string what, double absolute = 1e-4, double relative = 1e-4)
    {
        Assert.True(
            expected.shape.SequenceEqual(actual.shape),
            $"{what}: shape ({string.Join(", ", actual.shape)}), expected ({string.Join(", ", expected.shape)})");
        To(Values(expected), Values(actual), what, absolute, relative);
    }

    public static float[] Values(Tensor t) =>
        t.detach().to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();
}
