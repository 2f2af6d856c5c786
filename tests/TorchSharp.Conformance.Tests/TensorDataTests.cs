using static TorchSharp.torch;

namespace TorchSharp.Conformance;

public class TensorDataTests
{
    [Fact]
    public void BytesAreTheElementsWhereTheyLie()
    {
        using var x = zeros(3);

        System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(x.bytes)[1] = 2.5f;

        Assert.Equal(12, x.bytes.Length);
        Assert.Equal([0f, 2.5f, 0f], x.data<float>().ToArray());
        x.bytes = new byte[12];
        Assert.Equal(0, x.sum().ToSingle());
    }

    [Fact]
    public void BytesOfWhatIsNotContiguousAreRefused()
    {
        using var x = zeros(2, 3);
        using var transposed = x.t();

        Assert.Throws<InvalidOperationException>(() => transposed.bytes.Length);
        Assert.Equal(24, transposed.contiguous().bytes.Length);
    }

    [Fact]
    public void DataAndBytesOfAMetaTensorAreRefused()
    {
        using var x = zeros(2, device: META);

        Assert.Throws<InvalidOperationException>(() => x.bytes.Length);
    }

    [Fact]
    public void AnAccessorReadsAndWritesInLogicalOrder()
    {
        using var x = arange(6, dtype: ScalarType.Float32).view(2, 3);
        using var transposed = x.t();
        var accessor = transposed.data<float>();

        Assert.Equal([0f, 3, 1, 4, 2, 5], accessor.ToArray());
        Assert.Equal(4, accessor[1, 1]);
        accessor[2, 0] = 20;
        Assert.Equal(20, x[0, 2].ToSingle());
        Assert.Equal(6, accessor.Count);
        Assert.Equal(30 + 3, accessor.Sum());
    }

    [Fact]
    public void AnAccessorCopiesToAndFromSpans()
    {
        using var x = arange(6, dtype: ScalarType.Float32);
        var target = new float[4];

        x.data<float>().CopyTo(target, 0, 2);
        Assert.Equal([2f, 3, 4, 5], target);

        x.data<float>().CopyFrom([9f, 8f]);
        Assert.Equal([9f, 8, 2, 3, 4, 5], x.data<float>().ToArray());
    }

    [Fact]
    public void AnotherElementTypeIsRefused()
    {
        using var x = zeros(1);

        Assert.Throws<ArgumentException>(() => x.data<double>());
        Assert.Throws<ArgumentException>(() => x.item<long>());
    }

    [Fact]
    public void ScalarsAreReadFromOneElementOnly()
    {
        using var one = tensor(3.5f);
        using var two = zeros(2);
        using var id = tensor(7L);

        Assert.Equal(3.5f, one.item<float>());
        Assert.Equal(3.5, one.ToDouble());
        Assert.Equal(7, id.ToInt64());
        Assert.Equal(7, id.ToInt32());
        Assert.Equal(3.5f, (float)one);
        Assert.True(tensor(true).ToBoolean());
        Assert.Throws<ArgumentException>(() => two.item<float>());
    }

    [Fact]
    public void BFloat16ComputesAndHasBytesButNoFloats()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f, 2.5f, -3f]).to(ScalarType.BFloat16);

        Assert.Equal(6, x.bytes.Length);
        Assert.Equal([0x80, 0x3F, 0x20, 0x40, 0x40, 0xC0], x.bytes.ToArray());
        Assert.Throws<ArgumentException>(() => x.data<float>());
        Assert.Throws<ArgumentException>(() => x[0].item<float>());
        Assert.Equal([2f, 5f, -6f], (x + x).to(ScalarType.Float32).data<float>().ToArray());
        Assert.Equal([1f, 6.25f, 9f], (x * x).to(float32).data<float>().ToArray());
        Assert.Equal(0.5f, x.sum().to(float32).ToSingle());
    }

    [Fact]
    public void HalfComputesAndIsReadAsHalf()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f, 2.5f]).half();

        Assert.Equal([(Half)1f, (Half)2.5f], x.data<Half>().ToArray());
        Assert.Equal([(Half)2f, (Half)5f], (x + x).data<Half>().ToArray());
        Assert.Equal(4, x.bytes.Length);
    }

    [Fact]
    public void ToGivesAnotherObjectCopyingOnlyWhereItMust()
    {
        using var scope = NewDisposeScope();
        var x = zeros(2);

        var same = x.to(ScalarType.Float32);
        Assert.NotSame(x, same);
        same.fill_(1);
        Assert.Equal(2, x.sum().ToSingle());

        var copy = x.to(ScalarType.Float32, copy: true);
        copy.fill_(5);
        Assert.Equal(2, x.sum().ToSingle());
        Assert.Equal(ScalarType.Float64, x.to(float64).dtype);
        Assert.Equal(ScalarType.Int32, x.to(ScalarType.Int32, CPU).dtype);
    }

    [Fact]
    public void ToMayDisposeItsSource()
    {
        var x = zeros(2);
        using var y = x.to(ScalarType.Float64, disposeAfter: true);

        Assert.True(x.IsInvalid);
        Assert.Equal(ScalarType.Float64, y.dtype);
    }

    [Fact]
    public void ShapesAndStridesDescribeTheTensor()
    {
        using var x = zeros(2, 3, 4);
        using var permuted = x.permute(2, 0, 1);

        Assert.Equal([2L, 3, 4], x.shape);
        Assert.Equal([12L, 4, 1], x.stride());
        Assert.Equal([4L, 2, 3], permuted.shape);
        Assert.Equal([1L, 12, 4], permuted.stride());
        Assert.Equal(3, x.ndim);
        Assert.Equal(3, x.dim());
        Assert.Equal(24, x.numel());
        Assert.Equal(4, x.size(-1));
        Assert.Equal(4, x.element_size());
        Assert.True(x.is_contiguous());
        Assert.False(permuted.is_contiguous());
        Assert.Equal(DeviceType.CPU, x.device_type);
        Assert.Equal("cpu", x.device.ToString());
    }

    [Fact]
    public void QuantisingToInt8AndBackIsExactInItsSteps()
    {
        using var scope = NewDisposeScope();
        var x = tensor([-1f, 0.5f, 0.25f, 1f]);
        var scale = x.abs().amax([-1L], keepdim: true) / 127;

        var q = (x / scale).round().clamp(-127, 127).to(int8);
        var back = q.to(float32) * scale;

        Assert.Equal(ScalarType.Int8, q.dtype);
        Assert.Equal([-127, 64, 32, 127], q.data<sbyte>().ToArray());
        Assert.True(back.allclose(x, atol: 0.005));
    }
}
