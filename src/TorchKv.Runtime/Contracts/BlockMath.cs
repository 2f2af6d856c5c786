namespace TorchKv.Runtime.Contracts;

/// <summary>Arithmetic of KV blocks.</summary>
public static class BlockMath
{
    /// <summary>How many blocks hold <paramref name="tokens"/> tokens of one sequence.</summary>
    /// <param name="tokens">Tokens, at least 0.</param>
    /// <param name="blockSize">Tokens in a block.</param>
    public static int BlocksFor(long tokens, int blockSize) => checked((int)((tokens + blockSize - 1) / blockSize));
}
