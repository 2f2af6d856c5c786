using TorchKv.Runtime.Contracts;

namespace TorchKv.Benchmarks.Schemas;

/// <summary>The 256 bytes as tokens: whatever a constraint allows can be written with them.</summary>
internal sealed class ByteVocabulary : ITokenVocabulary
{
    private readonly byte[] _bytes = [.. Enumerable.Range(0, 256).Select(value => (byte)value)];

    public int Count => 256;

    public ReadOnlySpan<byte> TokenBytes(int id) => _bytes.AsSpan(id, 1);

    public bool IsSpecial(int id) => false;
}
