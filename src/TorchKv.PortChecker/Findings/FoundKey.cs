namespace TorchKv.PortChecking.Findings;

/// <summary>The key that a cache gave back at a position.</summary>
/// <param name="Position">The position.</param>
/// <param name="Token">The position of the token that the key was computed from; null for zeros.</param>
/// <param name="OfSameRow">Whether it is of the same batch row.</param>
/// <param name="OtherLayer">The module of another layer that computed it; null where it is of the same layer.</param>
internal sealed record FoundKey(int Position, int? Token, bool OfSameRow, string? OtherLayer)
{
    /// <summary>Whether it is the key that was put in at this position.</summary>
    public bool IsRight => Token == Position && OfSameRow && OtherLayer is null;
}
