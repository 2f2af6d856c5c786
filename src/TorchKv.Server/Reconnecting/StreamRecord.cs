namespace TorchKv.Server.Reconnecting;

/// <summary>What is known of a stream that a client may come back to.</summary>
/// <param name="Fingerprint">SHA-256 of what was asked, so that a key is not used for two requests.</param>
/// <param name="Created">When the answer was begun, in seconds since 1970.</param>
/// <param name="Ids">The token ids of each choice, as far as they are known.</param>
internal sealed record StreamRecord(byte[] Fingerprint, long Created, IReadOnlyList<IReadOnlyList<int>> Ids);
