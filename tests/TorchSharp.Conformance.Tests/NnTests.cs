using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp.Conformance;

[Collection(nameof(GlobalGenerator))]
public class NnTests
{
    [Fact]
    public void LinearMultipliesByItsTransposedWeight()
    {
        using var scope = NewDisposeScope();
        var layer = Linear(3, 2);
        var x = randn([4, 3], generator: new Generator(1));

        Assert.Equal([2L, 3], layer.weight.shape);
        Assert.Equal([2L], layer.bias!.shape);
        Assert.True(layer.call(x).allclose(x.matmul(layer.weight.t()) + layer.bias, atol: 1e-6));
        Assert.Null(Linear(3, 2, hasBias: false).bias);
        Assert.Equal(ScalarType.Float64, Linear(3, 2, dtype: float64, device: CPU).weight.dtype);
        Assert.InRange(layer.weight.abs().max().ToSingle(), 0, 1 / MathF.Sqrt(3));
    }

    [Fact]
    public void EmbeddingLooksRowsUp()
    {
        using var scope = NewDisposeScope();
        var table = Embedding(5, 3, padding_idx: 1);

        Assert.Equal([2L, 2, 3], table.call(tensor([0L, 1, 2, 3], 2, 2)).shape);
        Assert.True(table.call(tensor([4L]))[0].allclose(table.weight![4]));
        Assert.Equal(0, table.weight![1].abs().sum().ToSingle());
        Assert.Equal(ScalarType.BFloat16, Embedding(2, 2, dtype: bfloat16).weight!.dtype);
        Assert.Throws<System.Runtime.InteropServices.ExternalException>(() => table.call(tensor([5L])));
    }

    [Fact]
    public void LayerNormNormalisesTheLastDimensions()
    {
        using var scope = NewDisposeScope();
        var layer = LayerNorm(4, eps: 1e-5);
        var x = randn([2, 4], generator: new Generator(1));

        var expected = (x - x.mean([-1L], keepdim: true)) / (x.var(-1, unbiased: false, keepdim: true) + 1e-5).sqrt();

        Assert.True(layer.call(x).allclose(expected, atol: 1e-6));
        Assert.Equal(["weight", "bias"], layer.state_dict().Keys);
        Assert.Equal(["weight"], LayerNorm(4, bias: false).state_dict().Keys);
        Assert.Equal([2L, 4], LayerNorm([2L, 4L]).weight.shape);
        Assert.Empty(LayerNorm(4, elementwise_affine: false).state_dict());
        Assert.True(functional.layer_norm(x, [4]).allclose(expected, atol: 1e-6));
    }

    [Fact]
    public void GeluIsTheErfForm()
    {
        using var scope = NewDisposeScope();
        var x = tensor([-2f, -0.5f, 0f, 1f, 3f]);
        var expected = 0.5f * x * (1 + (x / MathF.Sqrt(2)).erf());

        Assert.True(GELU().call(x).allclose(expected, atol: 1e-6));
        Assert.True(functional.gelu(x).allclose(expected, atol: 1e-6));
        Assert.True(x.gelu().allclose(expected, atol: 1e-6));
    }

    [Fact]
    public void ActivationsAreThere()
    {
        using var scope = NewDisposeScope();
        var x = tensor([-1f, 2f]);

        Assert.Equal([0f, 2f], functional.relu(x).data<float>().ToArray());
        Assert.True(functional.silu(x).allclose(x * x.sigmoid()));
        Assert.True(ReLU().call(x).allclose(x.relu()));
        Assert.True(SiLU().call(x).allclose(x.silu()));
        Assert.True(Tanh().call(x).allclose(x.tanh()));
        Assert.True(Softmax(-1).call(x).allclose(x.softmax(-1)));
    }

    [Fact]
    public void DropoutScalesInTrainingAndDoesNothingInEvaluation()
    {
        torch.random.manual_seed(1);
        using var scope = NewDisposeScope();
        var layer = Dropout(0.5);
        var x = ones(1000);

        var dropped = layer.call(x);
        var kept = (dropped == 2f).sum().ToInt64();
        Assert.InRange(kept, 400, 600);
        Assert.Equal(1000, kept + (dropped == 0f).sum().ToInt64());

        layer.eval();
        Assert.True(layer.call(x).allclose(x));
        Assert.True(functional.dropout(x, 0.5, training: false).allclose(x));
    }

    [Fact]
    public void ASequenceRunsInOrder()
    {
        using var scope = NewDisposeScope();
        var first = Linear(3, 5);
        var last = Linear(5, 2);
        var x = randn([4, 3], generator: new Generator(1));

        Assert.True(Sequential(first, GELU(), last).call(x).allclose(last.call(first.call(x).gelu())));
        Assert.Equal(3, x.size(1));
        Assert.True(Sequential().call(x).allclose(x));
    }

    [Fact]
    public void CrossEntropyIgnoresTheIndexItIsTold()
    {
        using var scope = NewDisposeScope();
        var logits = randn([3, 5], generator: new Generator(1));
        var targets = tensor([1L, -100, 4]);
        var logs = functional.log_softmax(logits, -1);

        var expected = -(logs[0, 1] + logs[2, 4]) / 2;

        Assert.True(functional.cross_entropy(logits, targets).allclose(expected, atol: 1e-6));
        Assert.True(functional.cross_entropy(logits, tensor([1L, 9, 4]), ignore_index: 9).allclose(expected, atol: 1e-6));
        Assert.Equal([3L], functional.cross_entropy(logits, targets, reduction: Reduction.None).shape);
        Assert.True(functional.cross_entropy(logits, targets, reduction: Reduction.Sum).allclose(expected * 2, atol: 1e-6));
    }

    [Fact]
    public void InitialisersFillInPlaceWithoutRecording()
    {
        using var scope = NewDisposeScope();
        var a = init.normal_(empty(1000), mean: 1, std: 0.1);

        Assert.InRange(a.mean().ToSingle(), 0.9f, 1.1f);
        Assert.Equal(5, init.ones_(empty(5)).sum().ToSingle());
        Assert.Equal(10, init.constant_(empty(5), 2).sum().ToSingle());
        Assert.InRange(init.uniform_(empty(100), -3, -2).max().ToSingle(), -3, -2);
        Assert.InRange(init.xavier_uniform_(empty(10, 10)).abs().max().ToSingle(), 0, MathF.Sqrt(6f / 20));
        using var parameter = Parameter(empty(3));
        init.zeros_(parameter);
        Assert.True(parameter.requires_grad);
        Assert.True(parameter.is_leaf);
    }
}
