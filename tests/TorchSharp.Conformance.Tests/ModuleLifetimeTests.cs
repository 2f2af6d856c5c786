using static TorchSharp.torch;

namespace TorchSharp.Conformance;

/// <summary>The binding alone: the package counts the tensor that became a parameter for ever.</summary>
[Collection(nameof(LifetimeTests))]
public class ModuleLifetimeTests
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
}
