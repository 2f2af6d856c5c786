namespace TorchKv.PortChecking.Findings;

/// <summary>A kind of difference and the sentence that explains it with its figures.</summary>
internal sealed record Resemblance(ResemblanceKind Kind, string Text);
