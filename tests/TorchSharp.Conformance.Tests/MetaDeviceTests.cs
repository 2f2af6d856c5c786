using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Conformance;

/// <summary>
/// Beyond the package, on which embedding and attention fail on the meta device: libtorch's meta kernels for them are written in
/// Python. With these a whole model's shapes can be checked without its memory.
/// </summary>
public class MetaDeviceTests
{
    [Fact]
    public void AttentionRunsOnTheMetaDevice()
    {
        using var scope = NewDisposeScope();
        var q = empty(1, 2, 3, 4, device: META);

        Assert.Equal([1L, 2, 3, 4], nn.functional.scaled_dot_product_attention(q, q, q, is_casual: true).shape);
    }

    [Fact]
    public void AWholeComputationRunsOnTheMetaDevice()
    {
        using var scope = NewDisposeScope();
        var x = zeros(2, 5, dtype: int64, device: META);
        var table = nn.Embedding(100, 8).to(META);

        var y = table.call(x);
        y = nn.functional.layer_norm(y, [8]).matmul(table.weight!.t()).softmax(-1).argmax(-1);

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
        Assert.Equal([2L, 3, 8], cache.index_select(1, zeros(3, dtype: int64, device: META)).shape);
        Assert.Equal([2L, 4, 2], cache.topk(2).values.shape);
    }

    [Fact]
    public void ATensorOfAnotherDeviceIsRefused()
    {
        using var scope = NewDisposeScope();
        var ids = zeros(3, dtype: int64);

        Assert.Throws<ExternalException>(() => empty(5, 2, device: META).index_select(0, ids));
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
