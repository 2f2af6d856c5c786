namespace TorchKv.Batch.Lines;

/// <summary>A line of a batch's input whose form is right; its body has not been looked into.</summary>
/// <param name="CustomId">The caller's name for it.</param>
/// <param name="Url">The path that its body is for.</param>
/// <param name="Body">The body, as the line has it.</param>
internal sealed record BatchLine(string CustomId, string Url, ReadOnlyMemory<byte> Body);
