using System.Globalization;
using static TorchSharp.torch;

namespace TorchSharp.Conformance;

public class PrintingTests
{
    [Fact]
    public void ATensorDescribesItself()
    {
        using var matrix = zeros(2, 3);
        using var number = tensor(1L);
        using var shape = zeros(1, 2, device: META);

        Assert.Equal("[2x3], type = Float32, device = cpu", matrix.ToString());
        Assert.Equal("[], type = Int64, device = cpu", number.ToString());
        Assert.StartsWith("[1x2], type = Float32, device = meta", shape.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void ElementsAreWrittenAsNumPyDoes()
    {
        using var scope = NewDisposeScope();

        Assert.Equal("[1, 2.5, -3]", Numpy(tensor([1f, 2.5f, -3f])));
        Assert.Equal("[[0, 1, 2]\n [3, 4, 5]]", Numpy(arange(6).view(2, 3)));
        Assert.Equal("[[[0, 1]\n  [2, 3]]\n\n [[4, 5]\n  [6, 7]]]", Numpy(arange(8).view(2, 2, 2)));
        Assert.Equal("[0, 1, 2, ... 17, 18, 19]", Numpy(arange(20)));
        Assert.Equal("3", Numpy(tensor(3L)));
        Assert.Equal("[]", Numpy(zeros(0)));
    }

    [Fact]
    public void BFloat16AndHalfAreWrittenAsNumbers()
    {
        using var scope = NewDisposeScope();

        Assert.Equal("[1, 2.5]", Numpy(tensor([1f, 2.5f]).bfloat16()));
        Assert.Equal("[1, 2.5]", Numpy(tensor([1f, 2.5f]).half()));
        Assert.Contains("2.5", tensor([1f, 2.5f]).bfloat16().str(cultureInfo: CultureInfo.InvariantCulture), StringComparison.Ordinal);
    }

    private static string Numpy(Tensor tensor) => tensor.ToString(TensorStringStyle.Numpy, "g5", 100, CultureInfo.InvariantCulture, "\n");
}
