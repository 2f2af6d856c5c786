namespace TorchKv.PortChecking.Findings;

/// <summary>A finding and the circumstances in which it was made.</summary>
/// <param name="Finding">What was found.</param>
/// <param name="OnlyAfterTheFirstStep">Whether the module is right in the first step and wrong in a later one.</param>
/// <param name="OwnForwardOf">
/// The module whose submodules are all right, so that the mistake is in its own forward; null where that is not known.
/// </param>
internal sealed record Explanation(Finding Finding, bool OnlyAfterTheFirstStep = false, string? OwnForwardOf = null);
