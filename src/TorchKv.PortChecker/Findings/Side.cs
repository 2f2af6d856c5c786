namespace TorchKv.PortChecking.Findings;

/// <summary>One of the two models that are compared.</summary>
internal enum Side
{
    /// <summary>The PyTorch model.</summary>
    Original,

    /// <summary>The TorchSharp model.</summary>
    Port,
}
