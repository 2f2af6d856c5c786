namespace TorchKv.PortChecking.Findings;

/// <summary>Factors that occur in transformers.</summary>
internal enum FactorSource
{
    /// <summary>−1.</summary>
    Sign,

    /// <summary>The block's number, counted from 1.</summary>
    LayerNumber,

    /// <summary>The square root of a head's size.</summary>
    RootOfHeadDim,

    /// <summary>A head's size.</summary>
    HeadDim,

    /// <summary>The square root of the model's width.</summary>
    RootOfWidth,

    /// <summary>The model's width.</summary>
    Width,

    /// <summary>The square root of the number of heads.</summary>
    RootOfHeads,

    /// <summary>The number of heads.</summary>
    Heads,

    /// <summary>√((n − 1)/n): the unbiased variance of n numbers in place of the biased one.</summary>
    UnbiasedVariance,

    /// <summary>2.</summary>
    Twice,
}
