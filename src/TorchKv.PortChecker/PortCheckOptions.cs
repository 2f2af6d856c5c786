using TorchKv.PortChecking.Comparison;
using TorchKv.PortChecking.Mapping;
using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking;

/// <summary>How closely two traces must agree, and how their names correspond.</summary>
public sealed record PortCheckOptions
{
    /// <summary>The default options.</summary>
    public static PortCheckOptions Default { get; } = new();

    /// <summary>
    /// The largest error of a number x in a tensor whose root mean square is s, as a multiple of |x| + s, for the first
    /// module of a step. Null: by the less precise dtype of the two, 1e-5 for float32, 2e-3 for float16, 1.6e-2 for
    /// bfloat16, and 1e-7 for float64, whose numbers are kept as float32.
    /// </summary>
    public double? Tolerance { get; init; }

    /// <summary>
    /// The names of the port's modules for those of the original. Null: the same names, or GPT-2's under HuggingFace's
    /// names.
    /// </summary>
    public ModuleMapping? Mapping { get; init; }

    /// <summary>
    /// The largest error of a module: the tolerance, multiplied by √(1 + n/4) after n modules, because the rounding
    /// errors of independent operations add up with the square root of their number.
    /// </summary>
    internal double Bound(TensorDType original, int modulesBefore) =>
        (Tolerance ?? ForDType(original)) * Math.Sqrt(1 + (modulesBefore / 4.0));

    /// <summary>The largest error of a compared output: that of the less precise side.</summary>
    internal double Bound(ComparedPair pair, int modulesBefore) => pair.PortKey is null
        ? Bound(TensorDType.Float32, modulesBefore)
        : Math.Max(Bound(pair.Expected.DType, modulesBefore), Bound(pair.Actual.DType, modulesBefore));

    private static double ForDType(TensorDType dtype) => dtype switch
    {
        TensorDType.Float16 => 2e-3,                    // a unit in the last place is 2^-11; a few of them
        TensorDType.BFloat16 => 1.6e-2,                 // 2^-8
        TensorDType.Float64 => 1e-7,                    // the precision of float32, in which it is kept
        TensorDType.Float32 => 1e-5,                    // 2^-24, times a dot product's thousands of terms
        _ => 0,                                         // integers and booleans must be equal
    };
}
