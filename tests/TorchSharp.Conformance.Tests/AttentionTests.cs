using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Conformance;

public class AttentionTests
{
    [Theory]
    [InlineData(5, 5)]
    [InlineData(2, 5)]
    [InlineData(1, 7)]
    public void AttentionIsSoftmaxOfScaledScoresTimesValues(int queries, int keys)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Random(queries, keys);

        var expected = Scores(q, k).softmax(-1).matmul(v);

        Assert.True(functional.scaled_dot_product_attention(q, k, v).allclose(expected, atol: 1e-5));
    }

    [Fact]
    public void ABooleanMaskSaysWhereToLook()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Random(3, 5);
        var mask = ones(3, 5, dtype: @bool).tril(2);

        var expected = Scores(q, k).masked_fill(mask.logical_not(), float.NegativeInfinity).softmax(-1).matmul(v);

        Assert.True(functional.scaled_dot_product_attention(q, k, v, mask).allclose(expected, atol: 1e-5));
    }

    [Fact]
    public void AFloatingMaskIsAddedToTheScores()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Random(3, 5);
        var mask = randn([3, 5], generator: new Generator(3));

        var expected = (Scores(q, k) + mask).softmax(-1).matmul(v);

        Assert.True(functional.scaled_dot_product_attention(q, k, v, attn_mask: mask).allclose(expected, atol: 1e-5));
    }

    [Fact]
    public void TheCausalMaskIsAlignedToTheFirstKey()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Random(2, 5);

        var topLeft = Scores(q, k).masked_fill(ones(2, 5, dtype: @bool).tril().logical_not(), float.NegativeInfinity).softmax(-1).matmul(v);

        Assert.True(functional.scaled_dot_product_attention(q, k, v, is_casual: true).allclose(topLeft, atol: 1e-5));
    }

    [Fact]
    public void ACausalFlagAndAMaskTogetherAreRefused()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Random(5, 5);
        var mask = ones(5, 5, dtype: @bool);

        Assert.Throws<ArgumentException>(() => functional.scaled_dot_product_attention(q, k, v, mask, is_casual: true));
    }

    private static (Tensor, Tensor, Tensor) Random(int queries, int keys)
    {
        var generator = new Generator(2);
        return (randn([2, 3, queries, 8], generator: generator), randn([2, 3, keys, 8], generator: generator), randn([2, 3, keys, 8], generator: generator));
    }

    private static Tensor Scores(Tensor q, Tensor k) => q.matmul(k.transpose(-2, -1)) / MathF.Sqrt(8);
}
