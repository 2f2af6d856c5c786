namespace TorchKv.PortChecking.Findings;

/// <summary>What may have made NaN or infinity.</summary>
internal enum NotANumberCause
{
    /// <summary>Infinity in float16, whose largest number is 65504.</summary>
    Float16Overflow,

    /// <summary>Infinity in another type.</summary>
    Overflow,

    /// <summary>A parameter of the module with NaN or infinity in it.</summary>
    Parameter,

    /// <summary>NaN in whole rows and not in others: a softmax over masked keys only.</summary>
    MaskedRows,

    /// <summary>NaN anywhere else.</summary>
    Undefined,
}
