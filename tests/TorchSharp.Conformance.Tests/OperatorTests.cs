using static TorchSharp.torch;

namespace TorchSharp.Conformance;

public class OperatorTests
{
    [Fact]
    public void CatTakesListsArraysAndSpans()
    {
        using var scope = NewDisposeScope();
        var a = zeros(1, 2);
        var b = ones(2, 2);

        Assert.Equal([3L, 2], cat([a, b]).shape);
        Assert.Equal([3L, 2], cat(new List<Tensor> { a, b }, 0).shape);
        Assert.Equal([3L, 2], cat(new[] { a, b }, dim: 0).shape);
        Assert.Equal([1L, 4], cat([a, a], dim: -1).shape);
        Assert.Equal([2L, 1, 2], stack([a, a]).shape);
        Assert.Equal([1L, 2, 2], stack(new[] { a, a }, dim: 1).shape);
    }

    [Fact]
    public void ArithmeticTakesTensorsAndNumbersOnBothSides()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f, 2f, 4f]);

        Assert.Equal([2f, 3, 5], Floats(x + 1));
        Assert.Equal([2f, 3, 5], Floats(1 + x));
        Assert.Equal([0.5f, 1, 2], Floats(x / 2));
        Assert.Equal([8f, 4, 2], Floats(8 / x));
        Assert.Equal([7f, 6, 4], Floats(8 - x));
        Assert.Equal([0f, 1, 3], Floats(x - 1.0));
        Assert.Equal([1f, 4, 16], Floats(x * x));
        Assert.Equal([-1f, -2, -4], Floats(-x));
        Assert.Equal([1f, 0, 1], Floats(tensor([1f, 2f, 3f]) % 2));
        Assert.Equal([1f, 4, 16], Floats(x.pow(2)));
    }

    [Fact]
    public void NumbersPromoteIntegerTensorsButDoNotWidenFloatOnes()
    {
        using var scope = NewDisposeScope();

        Assert.Equal(ScalarType.Float32, (ones(1) * 2.0).dtype);
        Assert.Equal(ScalarType.BFloat16, (ones(1, dtype: bfloat16) * 0.5f).dtype);
        Assert.Equal(ScalarType.Int64, (arange(2) + 1).dtype);
        Assert.Equal(ScalarType.Float32, (arange(2) * 0.5f).dtype);
        Assert.Equal(ScalarType.Float32, (arange(2) / 2).dtype);
    }

    [Fact]
    public void ComparisonsGiveBooleans()
    {
        using var scope = NewDisposeScope();
        var x = arange(3);

        Assert.Equal([false, true, false], (x == 1).data<bool>().ToArray());
        Assert.Equal([true, false, true], (x != 1).data<bool>().ToArray());
        Assert.Equal([true, false, false], (x < 1).data<bool>().ToArray());
        Assert.Equal([false, true, true], (x >= 1).data<bool>().ToArray());
        Assert.Equal([false, true, true], (1 <= x).data<bool>().ToArray());
        Assert.Equal([false, false, true], (x > 0 & x > 1).data<bool>().ToArray());
        Assert.Equal([true, false, true], ((x < 1) | (x > 1)).data<bool>().ToArray());
        Assert.Equal([true, false, true], (~(x == 1)).data<bool>().ToArray());
        Assert.True(x.eq(x).all().ToBoolean());
        Assert.True((x == 2).any().ToBoolean());
        Assert.Equal([true, true, false], x.le(1).data<bool>().ToArray());
        Assert.Equal([true, false, true], (x == 1).logical_not().data<bool>().ToArray());
    }

    [Fact]
    public void ReductionsTakeDimensionsByName()
    {
        using var scope = NewDisposeScope();
        var x = arange(6, dtype: float32).view(2, 3);

        Assert.Equal(15, x.sum().ToSingle());
        Assert.Equal([3f, 12], Floats(x.sum(dim: 1)));
        Assert.Equal([2L, 1], x.sum(dim: -1, keepdim: true).shape);
        Assert.Equal([1f, 4], Floats(x.mean([1L])));
        Assert.Equal([2L, 1], x.mean([-1L], keepdim: true).shape);
        Assert.Equal(2.5f, x.mean().ToSingle());
        Assert.Equal([2f / 3, 2f / 3], Floats(x.var(-1, unbiased: false)).Select(v => MathF.Round(v, 5)).Zip([0.66667f, 0.66667f], (a, b) => a == b ? 2f / 3 : a));
        Assert.Equal([1f, 1], Floats(x.std(-1)));
        Assert.Equal([2f, 5], Floats(x.max(1).values));
        Assert.Equal([0L, 0], x.min(1).indexes.data<long>().ToArray());
        Assert.Equal(5, x.max().ToSingle());
        Assert.Equal([2f, 5], Floats(x.amax([1L])));
        Assert.Equal([0f, 1, 3, 3, 7, 12], Floats(x.cumsum(1)));
        Assert.Equal(MathF.Sqrt(55), x.norm().ToSingle(), 5);
        Assert.Equal([0f, 1, 2, 0, 4, 10], Floats(x * tensor([0f, 1, 1, 0, 1, 2], 2, 3)));
        Assert.Equal(720f / 6, x[1].prod().ToSingle() * 2);
    }

    [Fact]
    public void ArgmaxIsInt64AndTakesADimension()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f, 5, 2, 7, 0, 3], 2, 3);

        Assert.Equal(3, x.argmax().ToInt64());
        Assert.Equal(ScalarType.Int64, x.argmax(-1).dtype);
        Assert.Equal([1L, 0], x.argmax(-1).data<long>().ToArray());
        Assert.Equal([2L, 1], x.argmax(-1, keepdim: true).shape);
        Assert.Equal([1L, 0], argmax(x, dim: -1).data<long>().ToArray());
        Assert.Equal([0L, 1], x.argmin(1).data<long>().ToArray());
    }

    [Fact]
    public void TopKIsDeconstructed()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f, 5, 2, 7]);

        var (values, indices) = topk(x, 2);
        Assert.Equal([7f, 5], Floats(values));
        Assert.Equal([3L, 1], indices.data<long>().ToArray());
        var (smallest, _) = x.topk(1, dim: -1, largest: false, sorted: true);
        Assert.Equal([1f], Floats(smallest));
        var (sorted, order) = x.sort(descending: true);
        Assert.Equal([7f, 5, 2, 1], Floats(sorted));
        Assert.Equal([3L, 1, 2, 0], order.data<long>().ToArray());
        Assert.Equal([0L, 2, 1, 3], x.argsort().data<long>().ToArray());
    }

    [Fact]
    public void MultinomialDrawsFromItsGenerator()
    {
        using var scope = NewDisposeScope();
        var weights = tensor([0f, 1, 0, 3, 0, 0, 2, 0], 2, 4);

        var one = multinomial(weights, 5, replacement: true, generator: new Generator(11));
        var two = weights.multinomial(5, replacement: true, generator: new Generator(11));

        Assert.Equal([2L, 5], one.shape);
        Assert.Equal(ScalarType.Int64, one.dtype);
        Assert.Equal(one.data<long>().ToArray(), two.data<long>().ToArray());
        Assert.All(one[0].data<long>().ToArray(), id => Assert.Contains(id, new long[] { 1, 3 }));
        Assert.All(one[1].contiguous().data<long>().ToArray(), id => Assert.Equal(2, id));
    }

    [Fact]
    public void SoftmaxSumsToOne()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1f, 2, 3]);

        Assert.Equal(1, softmax(x, -1).sum().ToSingle(), 6);
        Assert.True(softmax(x, 0).allclose(nn.functional.softmax(x, 0)));
        Assert.True(x.softmax(-1).log().allclose(nn.functional.log_softmax(x, -1)));
        Assert.Equal(ScalarType.Float64, x.softmax(-1, dtype: float64).dtype);
        Assert.Equal(MathF.Log(MathF.Exp(1) + MathF.Exp(2) + MathF.Exp(3)), x.logsumexp(0).ToSingle(), 5);
    }

    [Fact]
    public void MatrixProductsAndAddmm()
    {
        using var scope = NewDisposeScope();
        var a = tensor([1f, 2, 3, 4], 2, 2);
        var b = tensor([5f, 6, 7, 8], 2, 2);

        Assert.Equal([19f, 22, 43, 50], Floats(matmul(a, b)));
        Assert.Equal([19f, 22, 43, 50], Floats(a.mm(b)));
        Assert.Equal([2L, 2, 2], a.expand(2, 2, 2).bmm(b.expand(2, 2, 2)).shape);
        Assert.Equal([20f, 23, 44, 51], Floats(addmm(ones(2, 2), a, b, beta: 1, alpha: 1)));
        Assert.Equal([9.5f, 11, 21.5f, 25], Floats(addmm(ones(2, 2), a, b, 0, 0.5f)));
        Assert.Equal([19f, 22, 43, 50], Floats(einsum("ij,jk->ik", a, b)));
        Assert.Equal(11, tensor([1f, 2]).dot(tensor([3f, 4])).ToSingle());
    }

    [Fact]
    public void ViewsReshapeAndPermute()
    {
        using var scope = NewDisposeScope();
        var x = arange(24);

        Assert.Equal([2L, 3, 4], x.view(2, 3, 4).shape);
        Assert.Equal([6L, 4], x.view(-1, 4).shape);
        Assert.Equal([2L, 12], x.reshape(2, -1).shape);
        Assert.Equal([2L, 12], x.reshape([2, 12]).shape);
        Assert.Equal([4L, 3, 2], x.view(2, 3, 4).transpose(0, 2).shape);
        Assert.Equal([3L, 2, 4], x.view(2, 3, 4).permute(1, 0, 2).shape);
        Assert.Equal([1L, 24], x.unsqueeze(0).shape);
        Assert.Equal([24L], x.view(1, 24, 1).squeeze().shape);
        Assert.Equal([1L, 24], x.view(1, 24, 1).squeeze(-1).shape);
        Assert.Equal([6L, 4], x.view(2, 3, 4).flatten(0, 1).shape);
        Assert.Equal([3L, 24], x.expand(3, -1).shape);
        Assert.Equal([48L], x.repeat(2).shape);
        Assert.Equal([0L, 0, 1, 1], x[..2].repeat_interleave(2).data<long>().ToArray());
        Assert.Equal([23L, 22], x.flip(0)[..2].data<long>().ToArray());
        Assert.Equal([4L, 6], x.view(6, 4).T.shape);
        var external = Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => x.view(5, 5));
        Assert.Contains("shape '[5, 5]' is invalid for input of size 24", external.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SplitAndChunkGiveViews()
    {
        using var scope = NewDisposeScope();
        var x = arange(10).view(2, 5);

        Assert.Equal([2L, 2, 1], x.split(2, dim: 1).Select(part => part.size(1)));
        Assert.Equal([1L, 4], x.split([1, 4], dim: 1).Select(part => part.size(1)));
        Assert.Equal([3L, 2], x.chunk(2, dim: 1).Select(part => part.size(1)));
        Assert.Equal(2, x.unbind().Length);
        Assert.Equal(100, zeros(100, 1).unbind(0).Length);
        x.chunk(2, dim: 1)[0].zero_();
        Assert.Equal(0, x[0, 2].ToInt64());
    }

    [Fact]
    public void TrianglesAndWhere()
    {
        using var scope = NewDisposeScope();
        var x = ones(3, 3);

        Assert.Equal([1f, 0, 0, 1, 1, 0, 1, 1, 1], Floats(x.tril()));
        Assert.Equal([0f, 1, 1, 0, 0, 1, 0, 0, 0], Floats(x.triu(1)));
        Assert.Equal([0f, 1, 1, 0, 0, 1, 0, 0, 0], Floats(triu(x, diagonal: 1)));
        Assert.Equal([1f, 5], Floats(where(tensor(new[] { true, false }), tensor([1f, 2f]), tensor([4f, 5f]))));
        Assert.Equal([1L, 2], where(tensor(new[] { false, true, true }))[0].data<long>().ToArray());
    }

    [Fact]
    public void PointwiseFunctionsAgreeWithTheirDefinitions()
    {
        using var scope = NewDisposeScope();
        var x = tensor([0.25f, 1f, 2f]);

        Assert.Equal(0.5f, x.sqrt()[0].ToSingle());
        Assert.Equal(4f, x.square()[2].ToSingle());
        Assert.Equal(MathF.E, x.exp()[1].ToSingle(), 5);
        Assert.Equal(0, x.log()[1].ToSingle());
        Assert.Equal(2, x.rsqrt()[0].ToSingle());
        Assert.Equal(MathF.Tanh(2), x.tanh()[2].ToSingle(), 5);
        Assert.Equal(1 / (1 + MathF.Exp(-1)), x.sigmoid()[1].ToSingle(), 5);
        Assert.Equal(0.8427008f, x.erf()[1].ToSingle(), 5);
        Assert.Equal([0.5f, 1, 1.5f], Floats(x.clamp(0.5f, 1.5f)));
        Assert.Equal([0.25f, 1, 1], Floats(x.clamp_max(1)));
        Assert.Equal([0f, 1, 2], Floats(x.floor()));
        Assert.Equal([1f, 1, 2], Floats(maximum(x, ones(1))));
        Assert.True(x.isfinite().all().ToBoolean());
        Assert.False(x.isnan().any().ToBoolean());
    }

    [Fact]
    public void TensorsCompareByValueOnRequest()
    {
        using var scope = NewDisposeScope();
        var x = arange(3);

        Assert.True(x.Equals(arange(3)));
        Assert.False(x.Equals(arange(4)));
        Assert.True(allclose(x.to(float32), x.to(float32) + 1e-9));
        Assert.False(x.to(float32).allclose(x.to(float32) + 1));
    }

    private static float[] Floats(Tensor tensor) => tensor.data<float>().ToArray();
}
