using System.Text;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Structured.Tests;

/// <summary>A vocabulary of given tokens; those that begin with '&lt;|' are special, the empty ones have no bytes.</summary>
internal sealed class ListVocabulary(params IEnumerable<byte[]> tokens) : ITokenVocabulary
{
    private readonly byte[][] _tokens = [.. tokens];

    public ListVocabulary(params IEnumerable<string> tokens)
        : this(tokens.Select(Encoding.UTF8.GetBytes))
    {
    }

    public int Count => _tokens.Length;

    public ReadOnlySpan<byte> TokenBytes(int id) => _tokens[id];

    public bool IsSpecial(int id) => _tokens[id].AsSpan().StartsWith("<|"u8);
}
