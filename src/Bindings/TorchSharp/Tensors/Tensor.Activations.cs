using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor glu(long dim = -1) => Aten.glu.Call(this, dim);
        public Tensor hardsigmoid() => Aten.hardsigmoid.Call(this);
        public Tensor hardsigmoid_() => Aten.hardsigmoid_.InPlace(this);
        public Tensor hardswish() => Aten.hardswish.Call(this);
        public Tensor hardswish_() => Aten.hardswish_.InPlace(this);
        public Tensor leaky_relu(Scalar negative_slope) => Aten.leaky_relu.Call(this, negative_slope);
        public Tensor leaky_relu_(Scalar negative_slope) => Aten.leaky_relu_.InPlace(this, negative_slope);
        public Tensor prelu(Tensor target) => Aten.prelu.Call(this, target);
        public Tensor relu() => Aten.relu.Call(this);
        public Tensor relu_() => Aten.relu_.InPlace(this);
        public Tensor relu6() => Aten.relu6.Call(this);
        public Tensor relu6_() => Aten.relu6_.InPlace(this);
        public Tensor selu() => Aten.selu.Call(this);
        public Tensor selu_() => Aten.selu_.InPlace(this);
        public Tensor silu() => Aten.silu.Call(this);
        public Tensor silu_() => Aten.silu_.InPlace(this);
    }
}

file static class Aten
{
    public static readonly Op glu = new("glu");
    public static readonly Op hardsigmoid = new("hardsigmoid");
    public static readonly Op hardsigmoid_ = new("hardsigmoid_");
    public static readonly Op hardswish = new("hardswish");
    public static readonly Op hardswish_ = new("hardswish_");
    public static readonly Op leaky_relu = new("leaky_relu");
    public static readonly Op leaky_relu_ = new("leaky_relu_");
    public static readonly Op prelu = new("prelu");
    public static readonly Op relu = new("relu");
    public static readonly Op relu_ = new("relu_");
    public static readonly Op relu6 = new("relu6");
    public static readonly Op relu6_ = new("relu6_");
    public static readonly Op selu = new("selu");
    public static readonly Op selu_ = new("selu_");
    public static readonly Op silu = new("silu");
    public static readonly Op silu_ = new("silu_");
}
