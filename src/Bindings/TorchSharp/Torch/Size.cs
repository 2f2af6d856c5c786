using System.Collections;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>A shape.</summary>
    public readonly struct Size : IEnumerable<long>, IEquatable<Size>
    {
        private readonly long[] _shape;

        public static readonly Size Empty = new(Array.Empty<long>());

        public Size(long[] shape) => _shape = (long[])shape.Clone();
        public Size(IEnumerable<long> shape) => _shape = shape.ToArray();
        public Size(int[] shape) => _shape = Array.ConvertAll(shape, static size => (long)size);
        public Size(long size) => _shape = [size];
        public Size((long, long) size) => _shape = [size.Item1, size.Item2];
        public Size((long, long, long) size) => _shape = [size.Item1, size.Item2, size.Item3];
        public Size((long, long, long, long) size) => _shape = [size.Item1, size.Item2, size.Item3, size.Item4];

        public static implicit operator Size(long size) => new(size);
        public static implicit operator Size((long, long) size) => new(size);
        public static implicit operator Size((long, long, long) size) => new(size);
        public static implicit operator Size((long, long, long, long) size) => new(size);
        public static implicit operator Size(long[] size) => new(size);

        public static Size operator +(Size left, Size right) => new([.. left._shape, .. right._shape]);
        public static Size operator +(Size left, IEnumerable<long> right) => new([.. left._shape, .. right]);
        public static bool operator ==(Size left, Size right) => left.Equals(right);
        public static bool operator !=(Size left, Size right) => !left.Equals(right);

        public bool IsEmpty => _shape.Length == 0;
        public bool IsScalar => IsEmpty;
        public int Length => _shape.Length;
        public long[] Shape => _shape;
        public long this[int idx] => _shape[idx];
        public long this[long idx] => _shape[idx];

        public Size Slice(int first, int next)
        {
            first = first < 0 ? _shape.Length + first : first;
            next = next < 0 ? _shape.Length + next : next;
            return next <= first ? Empty : new Size(_shape[first..next]);
        }

        public IEnumerable<long> Take(int i) => _shape.Take(i);

        public long numel()
        {
            long count = 1;
            foreach (var size in _shape)
            {
                count *= size;
            }
            return count;
        }

        public bool Equals(Size other) => _shape.AsSpan().SequenceEqual(other._shape);

        public override bool Equals(object? obj) => obj is Size other && Equals(other);

        public override int GetHashCode()
        {
            var hash = default(HashCode);
            foreach (var size in _shape)
            {
                hash.Add(size);
            }
            return hash.ToHashCode();
        }

        public override string ToString() => $"[{string.Join(", ", _shape)}]";

        public IEnumerator<long> GetEnumerator() => ((IEnumerable<long>)_shape).GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
