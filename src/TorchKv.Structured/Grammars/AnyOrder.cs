namespace TorchKv.Structured.Grammars;

/// <summary>An <see cref="AnyOrderNode"/> in a grammar's tables. A member is a number from 0.</summary>
/// <param name="Hub">The position at which a text is behind a member.</param>
/// <param name="Later">For each member its position behind another member; -1 where it can match nothing.</param>
/// <param name="IsRequired">For each member whether it must be there.</param>
/// <param name="MayRepeat">For each member whether it may come more than once.</param>
internal sealed record AnyOrder(int Hub, int[] Later, bool[] IsRequired, bool[] MayRepeat);
