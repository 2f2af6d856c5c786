
namespace TorchKv.PortChecking.Findings;

/// <summary>What a difference looks like.</summary>
public enum ResemblanceKind
{
    /// <summary>The numbers show no pattern that is known here.</summary>
    Unclear,

    /// <summary>Other input ids were fed.</summary>
    Inputs,

    /// <summary>The port has no such module.</summary>
    Missing,

    /// <summary>The shapes differ.</summary>
    Shape,

    /// <summary>NaN or infinity where the original has numbers, or the other way round.</summary>
    NotANumber,

    /// <summary>One side is all zeros.</summary>
    Zeros,

    /// <summary>Dropout is on in one of them.</summary>
    Dropout,

    /// <summary>A constant factor, in the output or on the attention scores.</summary>
    ConstantFactor,

    /// <summary>The same vector is added to every row.</summary>
    Bias,

    /// <summary>Rows stand at other positions.</summary>
    Positions,

    /// <summary>Rows of the batch or of the sequence in another order.</summary>
    RowsPermuted,

    /// <summary>Columns in another order.</summary>
    ColumnsPermuted,

    /// <summary>Heads in another order, or mixed with positions.</summary>
    Heads,

    /// <summary>Two dimensions are exchanged, in the output or in a weight.</summary>
    Transposed,

    /// <summary>Later keys are visible, or earlier ones lost.</summary>
    Mask,

    /// <summary>What the cache holds, or gives back, differs.</summary>
    Cache,

    /// <summary>Another function of nearly the same values.</summary>
    Approximation,

    /// <summary>Another elementwise function, or none.</summary>
    Activation,

    /// <summary>A normalisation's statistics, weight or bias.</summary>
    Normalisation,

    /// <summary>A shortcut is missing, doubled or taken from elsewhere.</summary>
    Residual,

    /// <summary>The output of another module.</summary>
    Swapped,

    /// <summary>A few numbers among many.</summary>
    Outliers,

    /// <summary>Other weights.</summary>
    Weights,

    /// <summary>Mere rounding of another dtype.</summary>
    Rounding,
}
