namespace TorchKv.Cli.Models;

/// <summary>A prompt as it was given: a text, or ids.</summary>
internal readonly record struct Prompt(string? Text, int[]? Ids);
