using TorchKv.Models;
using TorchKv.TestSupport;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Linear = TorchKv.Models.Linear;

namespace TorchKv.Tests.Models;

[Collection(nameof(TorchGenerator))]
[Trait("speed", "fast")]
public class LinearTests
{
    [Fact]
    public void TheSameSeedDrawsTheParametersOfPyTorchsLinear()
    {
        using var scope = NewDisposeScope();
        using var state = get_rng_state();
        manual_seed(7);
        using var expected = nn.Linear(5, 3);
        manual_seed(7);
        using var actual = new Linear(5, 3);
        set_rng_state(state);

        Assert.Equal(Close.Values(expected.weight), Close.Values(actual.weight));
        Assert.Equal(Close.Values(expected.bias!), Close.Values(actual.bias!));
    }

    // The widths divide into two parts, into 29, into 5 and (a prime) into none.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(64)]
    [InlineData(65)]
    public void EveryNumberOfRowsGivesPyTorchsProduct(int rows)
    {
        using var scope = NewDisposeScope();
        var generator = new Generator(3);
        foreach (var width in new long[] { 48, 29 * 7, 25, 211 })
        {
            foreach (var hasBias in new[] { true, false })
            {
                var layer = new Linear(32, width, hasBias);
                layer.weight = new Parameter(randn(width, 32, generator: generator));
                layer.bias = hasBias ? new Parameter(randn(width, generator: generator)) : null;
                foreach (var shape in new long[][] { [rows, 32], [rows, 1, 32], [1, rows, 32] })
                {
                    var x = randn(shape, generator: generator);
                    var y = layer.call(x);
                    var expected = matmul(x.to(float64), layer.weight.to(float64).t());
                    expected = hasBias ? expected + layer.bias!.to(float64) : expected;

                    Assert.Equal([.. shape[..^1], width], y.shape);
                    Assert.True(y.is_contiguous());
                    Assert.True((y.to(float64) - expected).abs().max().item<double>() < 1e-4);
                }
            }
        }
    }

    [Fact]
    public void AViewGivesTheProductOfItsCopy()
    {
        using var scope = NewDisposeScope();
        var layer = new Linear(6, 4);
        var x = randn(6, 3).t();

        Assert.False(x.is_contiguous());
        Assert.True(allclose(layer.call(x.contiguous()), layer.call(x), atol: 1e-6));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public void GradientsReachInputAndParameters(int rows)
    {
        using var scope = NewDisposeScope();
        var layer = new Linear(6, 4);
        var x = randn(rows, 6, requires_grad: true);
        layer.call(x).sum().backward();

        Assert.True(allclose(layer.weight.sum(0L).expand(rows, 6), x.grad!, atol: 1e-5));
        Assert.True(allclose(x.sum(0L).expand(4, 6), layer.weight.grad!, atol: 1e-5));
        Assert.True(allclose(full(4, rows, dtype: float32), layer.bias!.grad!, atol: 1e-5));
    }

    [Fact]
    public void OtherDTypesAndNoRowsAtAllWork()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(float64, new Linear(6, 4, dtype: float64).call(randn(2, 6, dtype: float64)).dtype);
        Assert.Equal([0, 4], new Linear(6, 4).call(randn(0, 6)).shape);
    }
}
