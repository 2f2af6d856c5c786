using static TorchSharp.torch;

namespace TorchSharp.Conformance;

/// <summary>The binding alone: the package counts the tensor that became a parameter for ever, and collects only when told to.</summary>
[Collection(nameof(LifetimeTests))]
public class BindingLifetimeTests
{
    [Fact]
    public void ModulesThatAreDisposedLeaveNothingBehind()
    {
        LifetimeTests.Settle();
        var before = Tensor.TotalCount;

        for (var i = 0; i < 20; i++)
        {
            using var scope = NewDisposeScope();
            using var module = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4), nn.LayerNorm(4));
            module.call(ones(2, 4));
            module.to(ScalarType.Float64);
            module.state_dict();
        }
        LifetimeTests.Settle();

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void ForgottenMemoryIsCollectedBeforeItIsAllUsed()
    {
        LifetimeTests.Settle();
        var before = Tensor.TotalCount;

        var most = 0L;
        for (var i = 0; i < 400; i++)
        {
            // 32 MiB of addresses that nothing touches.
            empty(8 << 20);
            most = Math.Max(most, Tensor.TotalCount - before);
        }
        LifetimeTests.Settle();

        Assert.InRange(most, 1, 200);
        Assert.Equal(before, Tensor.TotalCount);
    }
}
