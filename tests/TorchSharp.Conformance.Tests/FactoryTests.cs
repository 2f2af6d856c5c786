using static TorchSharp.torch;

namespace TorchSharp.Conformance;

public class FactoryTests
{
    [Fact]
    public void ZerosTakesUpToFourSizesOrAnArray()
    {
        using var scope = NewDisposeScope();

        Assert.Equal([2L], zeros(2).shape);
        Assert.Equal([2L, 3], zeros(2, 3).shape);
        Assert.Equal([2L, 3, 4], zeros(2, 3, 4).shape);
        Assert.Equal([2L, 3, 4, 5], zeros(2, 3, 4, 5).shape);
        Assert.Equal([1L, 2, 3, 4, 5], zeros(new long[] { 1, 2, 3, 4, 5 }).shape);
        Assert.Equal([2L, 3], zeros([2, 3]).shape);
        Assert.Empty(zeros(Array.Empty<long>()).shape);
    }

    [Fact]
    public void TypeAndDeviceAreNamed()
    {
        using var scope = NewDisposeScope();

        Assert.Equal(ScalarType.Float32, zeros(2).dtype);
        Assert.Equal(ScalarType.Int64, zeros(2, dtype: int64).dtype);
        Assert.Equal(ScalarType.BFloat16, ones(2, 2, dtype: bfloat16, device: CPU).dtype);
        Assert.True(empty(3, device: META).is_meta);
        Assert.True(ones(2, requires_grad: true).requires_grad);
    }

    [Fact]
    public void ArangeIsOfIntegersUnlessABoundIsFloat()
    {
        using var scope = NewDisposeScope();

        Assert.Equal([0L, 1, 2], arange(3).data<long>().ToArray());
        Assert.Equal([2L, 4], arange(2, 6, 2).data<long>().ToArray());
        Assert.Equal([0f, 0.5f, 1f], arange(0, 1.5f, 0.5f).data<float>().ToArray());
        Assert.Equal([0f, 1f], arange(2, dtype: float32).data<float>().ToArray());
    }

    [Fact]
    public void FullAndItsLikes()
    {
        using var scope = NewDisposeScope();
        var x = full([2, 2], 3.5f);

        Assert.Equal(ScalarType.Float32, x.dtype);
        Assert.Equal(14, x.sum().ToSingle());
        Assert.Equal(0, zeros_like(x).sum().ToSingle());
        Assert.Equal(4, ones_like(x).sum().ToSingle());
        Assert.Equal([2L, 2], empty_like(x).shape);
        Assert.Equal(8, full_like(x, 2).sum().ToSingle());
        Assert.Equal(float.NegativeInfinity, full(2, 3, float.NegativeInfinity)[1, 2].ToSingle());
    }

    [Fact]
    public void TensorsAreMadeOfArraysListsAndScalars()
    {
        using var scope = NewDisposeScope();
        var array = new float[] { 1, 2, 3, 4 };

        var x = tensor(array, 2, 2);
        array[0] = 9;
        Assert.Equal([2L, 2], x.shape);
        Assert.Equal(1, x[0, 0].ToSingle());
        Assert.Equal([4L], tensor(new List<long> { 1, 2, 3, 4 }).shape);
        Assert.Equal(ScalarType.Int64, tensor(new long[] { 1 }).dtype);
        Assert.Equal(ScalarType.Int32, tensor(new[] { 1 }).dtype);
        Assert.Equal(ScalarType.Bool, tensor(new[] { true }).dtype);
        Assert.Equal(ScalarType.Float64, tensor(1.0).dtype);
        Assert.Equal(ScalarType.Float32, tensor(1f).dtype);
        Assert.Equal(ScalarType.Int64, tensor(1L).dtype);
        Assert.Empty(tensor(1L).shape);
        Assert.Equal([2L, 3], tensor(new float[,] { { 1, 2, 3 }, { 4, 5, 6 } }).shape);
        Assert.Equal(6, tensor(new float[,] { { 1, 2, 3 }, { 4, 5, 6 } })[1, 2].ToSingle());
        Assert.Equal(ScalarType.Float16, tensor(array, dtype: float16).dtype);
        Assert.Equal([1L, 4], tensor(array, new long[] { 1, 4 }).shape);
    }

    [Fact]
    public void AShapeThatTheArrayCannotFillIsRefused()
    {
        Assert.Throws<ArgumentException>(() => tensor(new float[] { 1, 2 }, 3, 1));
    }

    [Fact]
    public void AnArraysMemoryIsShared()
    {
        var array = new float[] { 1, 2, 3 };
        using var x = frombuffer(array, ScalarType.Float32);
        using var tail = frombuffer(array, ScalarType.Float32, count: 1, offset: 2);

        array[1] = 20;
        x[2] = tensor(30f);

        Assert.Equal(20, x[1].ToSingle());
        Assert.Equal(30, array[2]);
        Assert.Equal(30, tail[0].ToSingle());
        Assert.Throws<ArgumentException>(() => frombuffer(array, ScalarType.Float32, offset: 3));
        Assert.Throws<IndexOutOfRangeException>(() => frombuffer(array, ScalarType.Float32, count: 4));
    }

    [Fact]
    public void FromArrayKeepsTheArraysDimensions()
    {
        using var x = from_array(new long[,] { { 1, 2 }, { 3, 4 } });

        Assert.Equal([2L, 2], x.shape);
        Assert.Equal(4, x[1, 1].ToInt64());
    }

    [Fact]
    public void RandomFactoriesStayInTheirBounds()
    {
        using var scope = NewDisposeScope();
        var ids = randint(5, 10, [100]);

        Assert.Equal(ScalarType.Int64, ids.dtype);
        Assert.InRange(ids.min().ToInt64(), 5, 9);
        Assert.InRange(ids.max().ToInt64(), 5, 9);
        Assert.InRange(rand(100).max().ToSingle(), 0, 1);
        Assert.Equal(45, randperm(10).sum().ToInt64());
    }

    [Fact]
    public void AFailedAllocationIsAnErrorWithLibtorchsMessage()
    {
        Assert.ThrowsAny<Exception>(() => zeros(1L << 50));
        using var usable = zeros(2);
        Assert.Equal(0, usable.sum().ToSingle());
    }
}
