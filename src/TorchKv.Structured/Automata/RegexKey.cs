namespace TorchKv.Structured.Automata;

/// <summary>What makes two expressions of a factory the same one.</summary>
internal readonly struct RegexKey(RegexKind kind, ByteSet bytes, RegexNode[] children, int min, int max)
    : IEquatable<RegexKey>
{
    private readonly RegexKind _kind = kind;
    private readonly ByteSet _bytes = bytes;
    private readonly RegexNode[] _children = children;
    private readonly int _min = min;
    private readonly int _max = max;

    public bool Equals(RegexKey other)
    {
        if (_kind != other._kind || _min != other._min || _max != other._max || _bytes != other._bytes
            || _children.Length != other._children.Length)
        {
            return false;
        }

        for (var i = 0; i < _children.Length; i++)
        {
            if (_children[i] != other._children[i])
            {
                return false;
            }
        }

        return true;
    }

    public override bool Equals(object? obj) => obj is RegexKey other && Equals(other);

    public override int GetHashCode()
    {
        var hash = ((ulong)_kind * 0x9E3779B97F4A7C15) ^ _bytes.Word0 ^ (_bytes.Word1 * 3) ^ (_bytes.Word2 * 5)
            ^ (_bytes.Word3 * 7) ^ ((ulong)(uint)_min << 32) ^ (uint)_max;
        foreach (var child in _children)
        {
            hash = (hash ^ (uint)child.Id) * 0x9E3779B97F4A7C15;
            hash ^= hash >> 29;
        }

        return (int)(hash ^ (hash >> 32));
    }
}
