using static TorchSharp.torch;

namespace TorchSharp.Conformance;

public class IndexingTests
{
    [Fact]
    public void IntegersSelectAndTheirViewSharesMemory()
    {
        using var scope = NewDisposeScope();
        var x = arange(24).view(2, 3, 4);

        Assert.Equal(23, x[1, 2, 3].ToInt64());
        Assert.Equal(23, x[-1, -1, -1].ToInt64());
        Assert.Equal([20L, 21, 22, 23], Longs(x[1, 2]));
        Assert.Equal([3L, 4L], x[0].shape);
        x[0].fill_(7);
        Assert.Equal(7, x[0, 2, 3].ToInt64());
    }

    [Fact]
    public void RangesSliceFromBothEnds()
    {
        using var scope = NewDisposeScope();
        var x = arange(10);

        Assert.Equal([2L, 3, 4], Longs(x[2..5]));
        Assert.Equal([7L, 8, 9], Longs(x[^3..]));
        Assert.Equal([0L, 1, 2, 3, 4, 5, 6, 7], Longs(x[..^2]));
        Assert.Equal(10, x[..].size(0));
        Assert.Equal(0, x[5..5].size(0));
        Assert.Equal(3, x[7..100].size(0));
    }

    [Fact]
    public void RangesAndIntegersMix()
    {
        using var scope = NewDisposeScope();
        var x = arange(24).view(2, 3, 4);

        Assert.Equal([2L, 3L, 2L], x[.., .., 0..2].shape);
        Assert.Equal([0L, 1, 4, 5, 8, 9], Longs(x[0, .., 0..2].contiguous()));
        Assert.Equal([11L, 23], Longs(x[.., -1, -1].contiguous()));
        Assert.Equal([3L, 4L], x[^1].shape);
    }

    [Fact]
    public void IndexExpressionsHaveEllipsisNewDimensionsAndSteps()
    {
        using var scope = NewDisposeScope();
        var x = arange(24).view(2, 3, 4);

        Assert.Equal([2L, 3L], x[TensorIndex.Ellipsis, 0].shape);
        Assert.Equal([2L, 1L, 3L, 4L], x[TensorIndex.Colon, TensorIndex.None].shape);
        Assert.Equal([1L, 2L, 3L, 4L], x[TensorIndex.Null].shape);
        Assert.Equal([0L, 2], Longs(x[0, 0, TensorIndex.Slice(0, 4, 2)].contiguous()));
        Assert.Equal([1L, 3], Longs(x[0, 0, TensorIndex.Slice(start: 1, step: 2)].contiguous()));
        Assert.Equal([0L, 1], Longs(x[0, 0, TensorIndex.Slice(stop: 2)].contiguous()));
        Assert.Equal([3L], x[TensorIndex.Single(1), .., TensorIndex.Single(0)].shape);
    }

    [Fact]
    public void TensorsIndexByPositionAndByMask()
    {
        using var scope = NewDisposeScope();
        var x = arange(12).view(3, 4);

        Assert.Equal([8L, 9, 10, 11, 0, 1, 2, 3], Longs(x[tensor(new long[] { 2, 0 })]));
        Assert.Equal([6L, 7, 8, 9, 10, 11], Longs(x[x > 5]));
        Assert.Equal([1L, 5, 9], Longs(x[TensorIndex.Colon, TensorIndex.Tensor(tensor(new long[] { 1 }))]));
        Assert.Equal([2L, 8], Longs(x[tensor(new long[] { 0, 2 }), tensor(new long[] { 2, 0 })]));
        Assert.Equal([4L, 5, 6, 7], Longs(x[TensorIndex.Tensor(tensor(new[] { false, true, false }))]));
        Assert.Equal([6L], Longs(x[TensorIndex.Single(1), TensorIndex.Tensor(tensor(new[] { false, false, true, false }))]));
    }

    [Fact]
    public void AssignmentGoesThroughTheSameExpressions()
    {
        using var scope = NewDisposeScope();
        var x = zeros(3, 4, dtype: ScalarType.Int64);

        x[0] = arange(4);
        x[1, 2] = tensor(9L);
        x[TensorIndex.Colon, TensorIndex.Slice(3)] = tensor(5L);
        x[2, ..2] = tensor(new long[] { 7, 8 });
        Assert.Equal([0L, 1, 2, 5, 0, 0, 9, 5, 7, 8, 0, 5], Longs(x));

        x[x == 5] = tensor(-1L);
        x[tensor(new long[] { 2 }), tensor(new long[] { 2 })] = tensor(4L);
        Assert.Equal([0L, 1, 2, -1, 0, 0, 9, -1, 7, 8, 4, -1], Longs(x));
    }

    [Fact]
    public void IndexPutAccumulatesWhereToldTo()
    {
        using var scope = NewDisposeScope();
        var x = zeros(3);
        var index = new[] { tensor(new long[] { 1, 1, 2 }) };

        x.index_put_(ones(3), index, accumulate: true);

        Assert.Equal([0f, 2f, 1f], x.data<float>().ToArray());
    }

    [Fact]
    public void AnIndexOutOfRangeCarriesLibtorchsMessage()
    {
        using var scope = NewDisposeScope();
        var x = zeros(2, 3);

        var selected = Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => x[5]);
        Assert.Contains("index 5 out of range", selected.Message.Replace("index 5 is out", "index 5 out", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase);
        Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => x[0, 0, 0]);
        Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => x.narrow(1, 2, 2));
    }

    [Fact]
    public void NarrowSliceAndSelectAreViews()
    {
        using var scope = NewDisposeScope();
        var x = arange(12).view(3, 4);

        Assert.Equal([1L, 2, 5, 6, 9, 10], Longs(x.narrow(1, 1, 2).contiguous()));
        Assert.Equal([0L, 2, 4, 6, 8, 10], Longs(x.slice(1, 0, 4, 2).contiguous()));
        Assert.Equal([2L, 6, 10], Longs(x.select(1, 2).contiguous()));
        x.narrow(0, 2, 1).zero_();
        Assert.Equal(0, x[2].sum().ToInt64());
    }

    [Fact]
    public void CopyingByIndexAndGathering()
    {
        using var scope = NewDisposeScope();
        var x = zeros(4, 2);
        x.index_copy_(0, tensor(new long[] { 3, 1 }), tensor(new float[] { 1, 2, 3, 4 }, 2, 2));

        Assert.Equal([0f, 0, 3, 4, 0, 0, 1, 2], x.data<float>().ToArray());
        Assert.Equal([1f, 2, 0, 0], x.index_select(0, tensor(new long[] { 3, 0 })).data<float>().ToArray());
        Assert.Equal([4f, 2f], x.gather(1, tensor(new long[] { 0, 1, 1, 1 }, 4, 1))[TensorIndex.Slice(1, 4, 2), 0].contiguous().data<float>().ToArray());
        Assert.Equal([3f, 4f], x.masked_select(x > 2).data<float>().ToArray());
    }

    [Fact]
    public void MasksFill()
    {
        using var scope = NewDisposeScope();
        var x = arange(4);

        Assert.Equal([-9L, -9, 2, 3], Longs(x.masked_fill(x < 2, -9)));
        x.masked_fill_(x > 2, 0);
        Assert.Equal([0L, 1, 2, 0], Longs(x));
        Assert.Equal([float.NegativeInfinity, 1], tensor(new float[] { 0, 1 }).masked_fill(tensor(new[] { true, false }), float.NegativeInfinity).data<float>().ToArray());
    }

    private static long[] Longs(Tensor tensor) => tensor.data<long>().ToArray();
}
