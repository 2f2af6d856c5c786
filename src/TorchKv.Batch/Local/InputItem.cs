using TorchKv.Batch.Lines;

namespace TorchKv.Batch.Local;

/// <summary>A line of the input that is not blank.</summary>
/// <param name="Number">Its number, from 1.</param>
/// <param name="Name">The name of its answer.</param>
/// <param name="Line">The line; null where its form is wrong.</param>
/// <param name="Fault">What is wrong with it; null: nothing.</param>
internal sealed record InputItem(long Number, LineName Name, BatchLine? Line, LineFault? Fault);
