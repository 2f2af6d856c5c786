using TorchKv.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchKv.Tests.Models;

/// <summary>
/// Models on the meta device, where a tensor has a shape and no data: arithmetic with a CPU tensor among its inputs, or
/// an operation that reads a value on the host, cannot run there.
/// </summary>
internal static class MetaModel
{
    /// <summary>A model all of whose forward runs on the meta device.</summary>
    /// <remarks>
    /// libtorch's embedding and layer norm run there only in Python. So these modules, and they alone, compute on the
    /// CPU: one row of zeros in place of their input, and in place of their output a tensor of the right shape and
    /// dtype on the meta device.
    /// </remarks>
    public static GPTModel Make(GPTConfig cfg, ScalarType? dtype = null)
    {
        var model = new GPTModel(cfg, device: META, dtype: dtype);
        foreach (var module in model.modules())
        {
            switch (module)
            {
                case Embedding table:
                    table.weight = OnTheCpu(1, table.weight!.size(1), table.weight.dtype);
                    Replace(
                        table, input => zeros(1, dtype: input.dtype), (shape, output) => [.. shape, output.size(-1)]);
                    break;
                case TorchKv.Models.LayerNorm norm:
                    var width = norm.scale.size(0);
                    (norm.scale, norm.shift) = (OnTheCpu(width, norm.scale.dtype), OnTheCpu(width, norm.shift.dtype));
                    Replace(norm, input => zeros(1, width, dtype: input.dtype), (shape, _) => shape);
                    break;
            }
        }

        return model;
    }

    private static void Replace(
        nn.Module<Tensor, Tensor> module, Func<Tensor, Tensor> input, Func<long[], Tensor, long[]> shape)
    {
        long[] given = [];
        module.register_forward_pre_hook((_, tensor) =>
        {
            Assert.Equal(DeviceType.META, tensor.device_type);
            given = tensor.shape;
            return input(tensor);
        });
        module.register_forward_hook((_, _, output) => empty(shape(given, output), dtype: output.dtype, device: META));
    }

    private static Parameter OnTheCpu(long width, ScalarType dtype) => nn.Parameter(zeros(width, dtype: dtype));

    private static Parameter OnTheCpu(long rows, long width, ScalarType dtype) =>
        nn.Parameter(zeros(rows, width, dtype: dtype));
}
