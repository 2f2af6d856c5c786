using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Conformance;

/// <summary>Errors, modes, threads and devices.</summary>
public class RuntimeTests
{
    [Fact]
    public void ANativeErrorCarriesLibtorchsMessage()
    {
        using var a = zeros(2);
        using var b = zeros(3);

        var error = Assert.Throws<ExternalException>(() => a + b);

        Assert.Contains("The size of tensor a (2) must match the size of tensor b (3)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADisposedTensorIsAnInvalidOperation()
    {
        using var x = zeros(2);
        var disposed = zeros(2);
        disposed.Dispose();

        Assert.Throws<InvalidOperationException>(() => disposed.shape);
        Assert.Throws<InvalidOperationException>(() => disposed + x);
        Assert.Throws<InvalidOperationException>(() => x + disposed);
        Assert.Throws<InvalidOperationException>(() => disposed.Handle);
        Assert.Throws<InvalidOperationException>(() => cat([x, disposed]));
        Assert.True(disposed.IsInvalid);
    }

    [Fact]
    public void NothingIsRecordedUnderNoGrad()
    {
        using var weight = nn.Parameter(ones(2));

        using var recorded = weight * 2;
        Assert.True(recorded.requires_grad);
        using (no_grad())
        {
            Assert.False(is_grad_enabled());
            using var free = weight * 2;
            Assert.False(free.requires_grad);
            using (enable_grad())
            {
                Assert.True(is_grad_enabled());
            }
            Assert.False(is_grad_enabled());
        }
        Assert.True(is_grad_enabled());
    }

    [Fact]
    public void InferenceModeIsLeftWhereItWasEntered()
    {
        using var weight = nn.Parameter(ones(2));

        using (inference_mode())
        {
            Assert.True(is_inference_mode_enabled());
            using var free = weight * 2;
            Assert.False(free.requires_grad);
            using (inference_mode(false))
            {
                Assert.False(is_inference_mode_enabled());
            }
        }

        Assert.False(is_inference_mode_enabled());
    }

    [Fact]
    public void GradientsFlowBack()
    {
        using var scope = NewDisposeScope();
        var weight = nn.Parameter(tensor([1f, 2f]));

        (weight * weight).sum().backward();

        Assert.Equal([2f, 4f], weight.grad!.data<float>().ToArray());
        var error = Assert.Throws<ExternalException>(() => weight.add_(1));
        Assert.Contains("leaf Variable that requires grad", error.Message, StringComparison.Ordinal);
        Assert.False(weight.detach().requires_grad);
    }

    [Fact]
    public void TheNumberOfThreadsIsAtLeastOne()
    {
        Assert.InRange(get_num_threads(), 1, 4096);
    }

    [Fact]
    public void WithoutCudaItsDevicesAreRefused()
    {
        Assert.SkipWhen(cuda.is_available(), "this machine has CUDA");
        using var x = zeros(2);

        Assert.Equal(0, cuda.device_count());
        Assert.Throws<InvalidOperationException>(() => x.cuda());
        Assert.Throws<InvalidOperationException>(() => x.to(new Device("cuda:0")));
        Assert.Throws<InvalidOperationException>(() => nn.Linear(2, 2).to(new Device("cuda")));
        Assert.Throws<InvalidOperationException>(() => CUDA);
        Assert.Throws<InvalidOperationException>(() => zeros(2, device: new Device("cuda")));
    }

    [Fact]
    public void CudaComputesWhereItIs()
    {
        Assert.SkipUnless(cuda.is_available(), "CUDA is not available on this machine");
        using var x = ones(2, 2, device: CUDA);
        cuda.synchronize();

        Assert.True(x.is_cuda);
        Assert.Equal(8, x.matmul(x).sum().cpu().ToSingle());
        Assert.Equal(4, x.sum().ToSingle());
        Assert.Equal([1f, 1, 1, 1], x.data<float>().ToArray());
    }

    [Fact]
    public void DevicesAreNamedAsInPyTorch()
    {
        Assert.Equal((DeviceType.CUDA, 1), (new Device("cuda:1").type, new Device("cuda:1").index));
        Assert.Equal("cuda:1", new Device("cuda:1").ToString());
        Assert.Equal("cuda", new Device(DeviceType.CUDA).ToString());
        Assert.Equal("cpu", CPU.ToString());
        Assert.Equal("meta", META.ToString());
        Assert.Equal(DeviceType.CPU, device("cpu").type);
    }

    [Fact]
    public void ScalarsConvertBothWays()
    {
        Scalar half = 0.5f;
        Scalar seven = 7;

        Assert.Equal(0.5, half.ToDouble());
        Assert.Equal(7, seven.ToInt64());
        Assert.Equal(7f, seven.ToSingle());
        Assert.Equal(0.5f, 0.5f.ToScalar().ToSingle());
        Assert.True(true.ToScalar().ToBoolean());
    }

    [Fact]
    public void AGeneratorsStateIsSavedAndRestored()
    {
        using var scope = NewDisposeScope();
        var generator = new Generator(9);
        rand([3], generator: generator);
        var state = generator.get_state();

        var first = rand([3], generator: generator).data<float>().ToArray();
        generator.set_state(state);
        var second = rand([3], generator: generator).data<float>().ToArray();

        Assert.Equal(first, second);
    }
}
