namespace TorchKv.Cli.Models;

/// <summary>A prompt as the user gave it: either a text or token ids.</summary>
internal readonly record struct Prompt(string? Text, int[]? Ids);
