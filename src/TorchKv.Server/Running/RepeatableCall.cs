namespace TorchKv.Server.Running;

/// <summary>
/// What a line of a batch fixes beforehand, so that it gives the same bytes however often and wherever it runs.
/// </summary>
/// <param name="Name">The part of the answer's id after its prefix, where the body names none.</param>
/// <param name="Seed">Seeds the draws where the body has no seed; a further prompt of the body adds its number.</param>
/// <param name="Created">The answer's time, in seconds since 1970.</param>
/// <param name="LeastPriority">The number that the priority is raised to: a higher one runs later.</param>
internal sealed record RepeatableCall(string Name, ulong Seed, long Created, int LeastPriority);
