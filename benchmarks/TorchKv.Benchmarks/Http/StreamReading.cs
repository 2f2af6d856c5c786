namespace TorchKv.Benchmarks.Http;

/// <summary>A stream as its client saw it.</summary>
/// <param name="Events">Events with a token each.</param>
/// <param name="IsDone">Whether the mark of the end came.</param>
/// <param name="Gaps">Milliseconds between events, the first one's wait left out.</param>
internal sealed record StreamReading(int Events, bool IsDone, IReadOnlyList<double> Gaps);
