namespace TorchKv.PortChecking.Findings;

/// <summary>How the module whose output was found relates to the module that should have given it.</summary>
internal enum OtherModuleRole
{
    /// <summary>A projection of the same input, such as key and value.</summary>
    Parallel,

    /// <summary>A submodule.</summary>
    Inside,

    /// <summary>A module that ran before.</summary>
    Before,

    /// <summary>Any other module.</summary>
    Unrelated,
}
