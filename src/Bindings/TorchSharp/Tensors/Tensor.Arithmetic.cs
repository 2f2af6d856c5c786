using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public enum RoundingMode
    {
        None,
        trunc,
        floor,
    }

    // The pointwise operators whose signatures differ from libtorch's.
    public partial class Tensor
    {
        public Tensor sub(Tensor target) => Aten.sub_Tensor.Call(this, target);
        public Tensor sub(Scalar target) => Aten.sub_Scalar.Call(this, target);
        public Tensor sub_(Tensor target) => Aten.sub__Tensor.InPlace(this, target);
        public Tensor sub_(Scalar target) => Aten.sub__Scalar.InPlace(this, target);
        public Tensor subtract(Tensor target) => sub(target);
        public Tensor subtract(Scalar target) => sub(target);
        public Tensor subtract_(Tensor target) => sub_(target);
        public Tensor subtract_(Scalar target) => sub_(target);

        public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => rounding_mode == RoundingMode.None
            ? Aten.div_Tensor.Call(this, target)
            : Aten.div_Tensor_mode.Call(this, target, rounding_mode.ToString());

        public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => rounding_mode == RoundingMode.None
            ? Aten.div_Scalar.Call(this, target)
            : Aten.div_Scalar_mode.Call(this, target, rounding_mode.ToString());

        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => rounding_mode == RoundingMode.None
            ? Aten.div__Tensor.InPlace(this, target)
            : Aten.div__Tensor_mode.InPlace(this, target, rounding_mode.ToString());

        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => rounding_mode == RoundingMode.None
            ? Aten.div__Scalar.InPlace(this, target)
            : Aten.div__Scalar_mode.InPlace(this, target, rounding_mode.ToString());

        public Tensor divide(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => div(target, rounding_mode);
        public Tensor divide(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div(target, rounding_mode);
        public Tensor divide_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => div_(target, rounding_mode);
        public Tensor divide_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div_(target, rounding_mode);

        public Tensor pow(Tensor exponent) => Aten.pow_Tensor_Tensor.Call(this, exponent);
        public Tensor pow(Scalar exponent) => Aten.pow_Tensor_Scalar.Call(this, exponent);
        public Tensor pow_(Tensor exponent) => Aten.pow__Tensor.InPlace(this, exponent);
        public Tensor pow_(Scalar exponent) => Aten.pow__Scalar.InPlace(this, exponent);

        public Tensor clamp(Scalar? min = null, Scalar? max = null) => Aten.clamp.Call(this, min, max);
        public Tensor clamp(Tensor? min = null, Tensor? max = null) => Aten.clamp_Tensor.Call(this, min, max);
        public Tensor clamp_(Scalar? min = null, Scalar? max = null) => Aten.clamp_.InPlace(this, min, max);
        public Tensor clamp_(Tensor? min = null, Tensor? max = null) => Aten.clamp__Tensor.InPlace(this, min, max);
        public Tensor clip(Scalar? min = null, Scalar? max = null) => clamp(min, max);

        public Tensor round(long decimals = 0) => Aten.round_decimals.Call(this, decimals);
        public Tensor round_(long decimals = 0) => Aten.round__decimals.InPlace(this, decimals);

        public Tensor lerp(Tensor end, Tensor weight) => Aten.lerp_Tensor.Call(this, end, weight);
        public Tensor lerp_(Tensor end, Tensor weight) => Aten.lerp__Tensor.InPlace(this, end, weight);

        public Tensor nan_to_num(double nan = 0, double? posinf = null, double? neginf = null) => Aten.nan_to_num.Call(this, nan, posinf, neginf);
        public Tensor nan_to_num_(double nan = 0, double? posinf = null, double? neginf = null) => Aten.nan_to_num_.InPlace(this, nan, posinf, neginf);

        public Tensor logit(double? eps = null) => Aten.logit.Call(this, eps);

        public Tensor where(Tensor condition, Tensor y) => Aten.where_self.Call(condition, this, y);

        public Tensor gelu() => Aten.gelu.Call(this);
        public Tensor gelu_() => Aten.gelu_.InPlace(this);

        public Tensor softmax(long dim, ScalarType? dtype = null) => Aten.softmax_int.Call(this, dim, dtype);
        public Tensor log_softmax(long dim, ScalarType? dtype = null) => Aten.log_softmax_int.Call(this, dim, dtype);

        public Tensor elu(double alpha = 1) => Aten.elu.Call(this, alpha);
        public Tensor celu() => celu(1.0);
        public Tensor celu(Scalar alpha) => Aten.celu.Call(this, alpha);
        public Tensor log_sigmoid() => Aten.log_sigmoid.Call(this);
        public Tensor softplus(double beta = 1, double threshold = 20) => Aten.softplus.Call(this, beta, threshold);
        public Tensor hardtanh(Scalar min, Scalar max) => Aten.hardtanh.Call(this, min, max);
        public Tensor threshold(Scalar threshold, Scalar value) => Aten.threshold.Call(this, threshold, value);
    }
}

file static class Aten
{
    public static readonly Op sub_Tensor = new("sub", "Tensor");
    public static readonly Op sub_Scalar = new("sub", "Scalar");
    public static readonly Op sub__Tensor = new("sub_", "Tensor");
    public static readonly Op sub__Scalar = new("sub_", "Scalar");
    public static readonly Op div_Tensor = new("div", "Tensor");
    public static readonly Op div_Scalar = new("div", "Scalar");
    public static readonly Op div_Tensor_mode = new("div", "Tensor_mode");
    public static readonly Op div_Scalar_mode = new("div", "Scalar_mode");
    public static readonly Op div__Tensor = new("div_", "Tensor");
    public static readonly Op div__Scalar = new("div_", "Scalar");
    public static readonly Op div__Tensor_mode = new("div_", "Tensor_mode");
    public static readonly Op div__Scalar_mode = new("div_", "Scalar_mode");
    public static readonly Op pow_Tensor_Tensor = new("pow", "Tensor_Tensor");
    public static readonly Op pow_Tensor_Scalar = new("pow", "Tensor_Scalar");
    public static readonly Op pow__Tensor = new("pow_", "Tensor");
    public static readonly Op pow__Scalar = new("pow_", "Scalar");
    public static readonly Op clamp = new("clamp");
    public static readonly Op clamp_Tensor = new("clamp", "Tensor");
    public static readonly Op clamp_ = new("clamp_");
    public static readonly Op clamp__Tensor = new("clamp_", "Tensor");
    public static readonly Op round_decimals = new("round", "decimals");
    public static readonly Op round__decimals = new("round_", "decimals");
    public static readonly Op lerp_Tensor = new("lerp", "Tensor");
    public static readonly Op lerp__Tensor = new("lerp_", "Tensor");
    public static readonly Op nan_to_num = new("nan_to_num");
    public static readonly Op nan_to_num_ = new("nan_to_num_");
    public static readonly Op logit = new("logit");
    public static readonly Op where_self = new("where", "self");
    public static readonly Op gelu = new("gelu");
    public static readonly Op gelu_ = new("gelu_");
    public static readonly Op softmax_int = new("softmax", "int");
    public static readonly Op log_softmax_int = new("log_softmax", "int");
    public static readonly Op elu = new("elu");
    public static readonly Op celu = new("celu");
    public static readonly Op log_sigmoid = new("log_sigmoid");
    public static readonly Op softplus = new("softplus");
    public static readonly Op hardtanh = new("hardtanh");
    public static readonly Op threshold = new("threshold");
}
