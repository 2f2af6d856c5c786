using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.PortChecking;

/// <summary>How closely two traces must agree, and how their names correspond.</summary>
public sealed record PortCheckOptions
{
    /// <summary>What is used where nothing else is said.</summary>
    public static PortCheckOptions Default { get; } = new();

    /// <summary>
    /// Largest error of a number x in a tensor whose root mean square is s, as a multiple of |x| + s, before growth; null: by the
    /// original's dtype (1e-5 for float32, 2e-3 for float16, 1.6e-2 for bfloat16, 1e-7 for float64, whose numbers are kept as float32).
    /// </summary>
    public double? Tolerance { get; init; }

    /// <summary>The names of the port's modules for those of the original; null: they are the same, or GPT-2's under HuggingFace's names.</summary>
    public ModuleMapping? Mapping { get; init; }

    /// <summary>
    /// The bound for a module: the tolerance of the dtype, growing with the square root of the modules before it, since rounding
    /// errors of independent operations add up that way.
    /// </summary>
    internal double Bound(TensorDType original, int modulesBefore) =>
        (Tolerance ?? ForDType(original)) * Math.Sqrt(1 + (modulesBefore / 4.0));

    private static double ForDType(TensorDType dtype) => dtype switch
    {
        TensorDType.Float16 => 2e-3,                    // a unit in the last place is 2^-11; a few of them
        TensorDType.BFloat16 => 1.6e-2,                 // 2^-8
        TensorDType.Float64 => 1e-7,                    // what float32 keeps of it
        TensorDType.Float32 => 1e-5,                    // 2^-24, times a dot product's thousands of terms
        _ => 0,                                         // integers and booleans are equal or not
    };
}
