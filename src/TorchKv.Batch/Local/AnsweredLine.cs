namespace TorchKv.Batch.Local;

/// <summary>A line's record, ready to be written.</summary>
/// <param name="Record">The record, as UTF-8 without a line's end.</param>
/// <param name="IsAnswer">Whether it belongs to the output; else to the errors.</param>
internal sealed record AnsweredLine(byte[] Record, bool IsAnswer);
