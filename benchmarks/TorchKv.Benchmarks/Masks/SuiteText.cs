namespace TorchKv.Benchmarks.Masks;

/// <summary>A text of a suite.</summary>
/// <param name="Text">The text.</param>
/// <param name="IsValid">Whether the constraint must accept it.</param>
/// <param name="Ordered">
/// For a schema's instance the text with the properties of each object in the schema's order; else the same text.
/// </param>
internal sealed record SuiteText(string Text, bool IsValid, string Ordered);
