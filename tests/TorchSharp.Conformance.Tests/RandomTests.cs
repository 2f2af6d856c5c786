using static TorchSharp.torch;

namespace TorchSharp.Conformance;

[Collection(nameof(GlobalGenerator))]
public class RandomTests
{
    [Fact]
    public void Seed123GivesPyTorchsNormals()
    {
        torch.random.manual_seed(123);
        using var drawn = randn(4);

        Assert.Equal([-0.111467116f, 0.120362945f, -0.3696345f, -0.24041797f], drawn.data<float>().ToArray());
    }

    [Fact]
    public void BothManualSeedsSeedTheDefaultGenerator()
    {
        torch.random.manual_seed(5);
        using var first = rand(3);
        torch.manual_seed(5);
        using var second = rand(3);

        Assert.Equal(first.data<float>().ToArray(), second.data<float>().ToArray());
        Assert.Equal(5, random.initial_seed());
    }

    [Fact]
    public void AGeneratorOfItsOwnDrawsWhatItsSeedSays()
    {
        using var one = new Generator(7);
        using var two = new Generator(7);
        using var a = rand([5], generator: one);
        using var b = rand([5], generator: two);
        using var c = rand([5], generator: one);

        Assert.Equal(a.data<float>().ToArray(), b.data<float>().ToArray());
        Assert.NotEqual(a.data<float>().ToArray(), c.data<float>().ToArray());
        Assert.Equal(7, one.initial_seed());
    }
}
