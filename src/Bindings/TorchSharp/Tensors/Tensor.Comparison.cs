using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor eq(Tensor target) => Aten.eq_Tensor.Call(this, target);
        public Tensor eq(Scalar target) => Aten.eq_Scalar.Call(this, target);
        public Tensor fmax(Tensor other) => Aten.fmax.Call(this, other);
        public Tensor fmin(Tensor other) => Aten.fmin.Call(this, other);
        public Tensor ge(Tensor target) => Aten.ge_Tensor.Call(this, target);
        public Tensor ge(Scalar target) => Aten.ge_Scalar.Call(this, target);
        public Tensor ge_(Tensor target) => Aten.ge__Tensor.InPlace(this, target);
        public Tensor ge_(Scalar target) => Aten.ge__Scalar.InPlace(this, target);
        public Tensor greater(Tensor target) => Aten.greater_Tensor.Call(this, target);
        public Tensor greater_equal(Tensor target) => Aten.greater_equal_Tensor.Call(this, target);
        public Tensor gt(Tensor target) => Aten.gt_Tensor.Call(this, target);
        public Tensor gt(Scalar target) => Aten.gt_Scalar.Call(this, target);
        public Tensor gt_(Tensor target) => Aten.gt__Tensor.InPlace(this, target);
        public Tensor gt_(Scalar target) => Aten.gt__Scalar.InPlace(this, target);
        public Tensor isin(Tensor test_elements, bool assumeUnique = false, bool invert = false) => Aten.isin_Tensor_Tensor.Call(this, test_elements, assumeUnique, invert);
        public Tensor le(Tensor target) => Aten.le_Tensor.Call(this, target);
        public Tensor le(Scalar target) => Aten.le_Scalar.Call(this, target);
        public Tensor le_(Tensor target) => Aten.le__Tensor.InPlace(this, target);
        public Tensor le_(Scalar target) => Aten.le__Scalar.InPlace(this, target);
        public Tensor less(Tensor target) => Aten.less_Tensor.Call(this, target);
        public Tensor less_equal(Tensor target) => Aten.less_equal_Tensor.Call(this, target);
        public Tensor less_equal_(Tensor target) => Aten.less_equal__Tensor.InPlace(this, target);
        public Tensor lt(Tensor target) => Aten.lt_Tensor.Call(this, target);
        public Tensor lt(Scalar target) => Aten.lt_Scalar.Call(this, target);
        public Tensor lt_(Tensor target) => Aten.lt__Tensor.InPlace(this, target);
        public Tensor lt_(Scalar target) => Aten.lt__Scalar.InPlace(this, target);
        public Tensor maximum(Tensor other) => Aten.maximum.Call(this, other);
        public Tensor minimum(Tensor other) => Aten.minimum.Call(this, other);
        public Tensor ne(Tensor target) => Aten.ne_Tensor.Call(this, target);
        public Tensor ne(Scalar target) => Aten.ne_Scalar.Call(this, target);
        public Tensor ne_(Tensor target) => Aten.ne__Tensor.InPlace(this, target);
        public Tensor ne_(Scalar target) => Aten.ne__Scalar.InPlace(this, target);
        public Tensor not_equal(Tensor target) => Aten.not_equal_Tensor.Call(this, target);
        public Tensor not_equal_(Tensor target) => Aten.not_equal__Tensor.InPlace(this, target);
    }
}

file static class Aten
{
    public static readonly Op eq_Tensor = new("eq", "Tensor");
    public static readonly Op eq_Scalar = new("eq", "Scalar");
    public static readonly Op fmax = new("fmax");
    public static readonly Op fmin = new("fmin");
    public static readonly Op ge_Tensor = new("ge", "Tensor");
    public static readonly Op ge_Scalar = new("ge", "Scalar");
    public static readonly Op ge__Tensor = new("ge_", "Tensor");
    public static readonly Op ge__Scalar = new("ge_", "Scalar");
    public static readonly Op greater_Tensor = new("greater", "Tensor");
    public static readonly Op greater_equal_Tensor = new("greater_equal", "Tensor");
    public static readonly Op gt_Tensor = new("gt", "Tensor");
    public static readonly Op gt_Scalar = new("gt", "Scalar");
    public static readonly Op gt__Tensor = new("gt_", "Tensor");
    public static readonly Op gt__Scalar = new("gt_", "Scalar");
    public static readonly Op isin_Tensor_Tensor = new("isin", "Tensor_Tensor");
    public static readonly Op le_Tensor = new("le", "Tensor");
    public static readonly Op le_Scalar = new("le", "Scalar");
    public static readonly Op le__Tensor = new("le_", "Tensor");
    public static readonly Op le__Scalar = new("le_", "Scalar");
    public static readonly Op less_Tensor = new("less", "Tensor");
    public static readonly Op less_equal_Tensor = new("less_equal", "Tensor");
    public static readonly Op less_equal__Tensor = new("less_equal_", "Tensor");
    public static readonly Op lt_Tensor = new("lt", "Tensor");
    public static readonly Op lt_Scalar = new("lt", "Scalar");
    public static readonly Op lt__Tensor = new("lt_", "Tensor");
    public static readonly Op lt__Scalar = new("lt_", "Scalar");
    public static readonly Op maximum = new("maximum");
    public static readonly Op minimum = new("minimum");
    public static readonly Op ne_Tensor = new("ne", "Tensor");
    public static readonly Op ne_Scalar = new("ne", "Scalar");
    public static readonly Op ne__Tensor = new("ne_", "Tensor");
    public static readonly Op ne__Scalar = new("ne_", "Scalar");
    public static readonly Op not_equal_Tensor = new("not_equal", "Tensor");
    public static readonly Op not_equal__Tensor = new("not_equal_", "Tensor");
}
