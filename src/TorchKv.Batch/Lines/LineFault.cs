namespace TorchKv.Batch.Lines;

/// <summary>What is wrong with a line of a batch's input.</summary>
/// <param name="Code">OpenAI's code.</param>
/// <param name="Message">What is wrong and what would be right; it names line, field and limit.</param>
/// <param name="Param">The field; null: the line as a whole.</param>
/// <param name="Line">The line's number, from 1.</param>
internal sealed record LineFault(string Code, string Message, string? Param, long Line);
