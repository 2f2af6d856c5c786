using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchSharp.Conformance;

/// <summary>Counts of the whole process: these tests run when no other does.</summary>
[CollectionDefinition(nameof(LifetimeTests), DisableParallelization = true)]
[Collection(nameof(LifetimeTests))]
public class LifetimeTests
{
    [Fact]
    public void AHundredThousandOperationsInScopesLeakNoTensors()
    {
        using var input = ones(4);
        Settle();
        var before = Tensor.TotalCount;

        for (var i = 0; i < 1000; i++)
        {
            using var scope = NewDisposeScope();
            var x = input + 0;
            for (var j = 0; j < 49; j++)
            {
                x = (x + input) * 0.5f;
                x.add_(1).sub_(1);
            }
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void ErrorsLeaveNothingBehind()
    {
        using var a = ones(2);
        using var b = ones(3);
        Settle();
        var before = Tensor.TotalCount;

        for (var i = 0; i < 1000; i++)
        {
            Assert.ThrowsAny<Exception>(() => a + b);
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void ForgottenTensorsAreFinalised()
    {
        Settle();
        var before = Tensor.TotalCount;

        Forget(500);
        Assert.True(Tensor.TotalCount >= before);
        Settle();

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void ADetachedAndForgottenTensorIsFinalised()
    {
        Settle();
        var before = Tensor.TotalCount;

        ForgetDetached(500);
        Settle();

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void ManyThreadsInTheirOwnScopesLeaveNothingBehind()
    {
        using var shared = ones(8);
        Settle();
        var before = Tensor.TotalCount;

        Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 8 }, _ =>
        {
            using var scope = NewDisposeScope();
            for (var i = 0; i < 200; i++)
            {
                var y = (shared + i) * 2;
                if (y[7].ToSingle() != (1 + i) * 2)
                {
                    throw new InvalidOperationException("a wrong sum");
                }
            }
        });

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void TheNumberOfThreadsCanBeSet()
    {
        var before = get_num_threads();
        try
        {
            set_num_threads(1);
            Assert.Equal(1, get_num_threads());
        }
        finally
        {
            set_num_threads(before);
        }
        Assert.Equal(before, get_num_threads());
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(int count)
    {
        for (var i = 0; i < count; i++)
        {
            zeros(16);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ForgetDetached(int count)
    {
        using var scope = NewDisposeScope();
        for (var i = 0; i < count; i++)
        {
            zeros(16).DetachFromDisposeScope();
        }
    }

    private static void Settle()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }
}
