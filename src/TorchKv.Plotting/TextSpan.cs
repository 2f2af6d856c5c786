namespace TorchKv.Plotting;

/// <summary>A part of a text that looks different from the rest.</summary>
/// <param name="Text">What it says.</param>
/// <param name="Class">Its CSS class; null: none.</param>
/// <param name="Style">Its CSS declarations; null: none.</param>
internal readonly record struct TextSpan(string Text, string? Class = null, string? Style = null);
