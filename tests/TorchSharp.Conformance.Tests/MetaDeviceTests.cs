using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Conformance;

/// <summary>
/// What runs on the meta device, where a tensor has a shape and no memory: shapes can be checked without weights.
/// </summary>
public class MetaDeviceTests
{
    [Fact]
    public void ProductsSoftmaxAndArgmaxRunOnTheMetaDevice()
    {
        using var scope = NewDisposeScope();
        var x = empty(2, 5, 8, device: META);
        var head = nn.Linear(8, 100, hasBias: false, device: META);

        var y = head.call(x).masked_fill_(zeros(2, 5, 1, dtype: @bool, device: META), 0).softmax(-1).argmax(-1);

        Assert.Equal([2L, 5], y.shape);
        Assert.True(y.is_meta);
    }

    [Fact]
    public void WritingIntoPlaceKeepsTheTensor()
    {
        using var scope = NewDisposeScope();
        var cache = zeros(2, 4, 8, device: META);
        var step = empty(2, 1, 8, device: META);

        Assert.Same(cache, cache.index_copy_(1, zeros(1, dtype: int64, device: META), step));
        cache[.., 1..2] = step;
        cache.masked_fill_(zeros(2, 4, 1, dtype: @bool, device: META), 0);

        Assert.True(cache.is_meta);
        Assert.Equal([2L, 4, 8], cache.shape);
        Assert.Equal([3L, 4, 8], cache[TensorIndex.Tensor(zeros(3, dtype: int64, device: META))].shape);
        Assert.Equal([2L, 4, 2], cache.topk(2).values.shape);
    }

    // libtorch has these for the meta device in Python only. When a package brings them, Slots.select needs no second
    // way.
    [Fact]
    public void EmbeddingLayerNormAndIndexSelectDoNotRun()
    {
        using var scope = NewDisposeScope();
        var table = nn.Embedding(100, 8, device: META);
        var x = empty(2, 5, 8, device: META);

        Assert.Throws<ExternalException>(() => table.call(zeros(2, 5, dtype: int64, device: META)));
        Assert.Throws<ExternalException>(() => nn.functional.layer_norm(x, [8]));
        Assert.Throws<ExternalException>(() => x.index_select(0, zeros(3, dtype: int64, device: META)));
    }

    [Fact]
    public void ATensorOfAnotherDeviceIsRefusedInArithmeticAlone()
    {
        using var scope = NewDisposeScope();
        var x = empty(2, 5, device: META);

        Assert.Throws<ExternalException>(() => x + zeros(2, 5));
        Assert.True(x.masked_fill_(zeros(2, 5, dtype: @bool), 0).is_meta);
        Assert.True(x.matmul(zeros(5, 2)).is_meta);
    }

    [Fact]
    public void WhatHangsOnTheElementsIsRefused()
    {
        using var scope = NewDisposeScope();
        var x = empty(3, device: META);

        Assert.Throws<ExternalException>(() => x.sum().ToSingle());
        Assert.Throws<ExternalException>(() => x.nonzero());
    }
}
