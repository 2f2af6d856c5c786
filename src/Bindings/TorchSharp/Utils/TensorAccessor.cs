using System.Collections;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Utils;

/// <summary>A CPU tensor's elements in logical order, whatever its strides.</summary>
public sealed unsafe class TensorAccessor<T> : IDisposable, IEnumerable<T> where T : unmanaged
{
    private readonly Tensor _tensor;
    private readonly bool _ownsTensor;
    private readonly T* _data;
    private readonly long[] _shape;
    private readonly long[] _strides;
    private readonly bool _contiguous;

    internal TensorAccessor(Tensor tensor, bool ownsTensor)
    {
        if (tensor.device_type != DeviceType.CPU)
        {
            throw new InvalidOperationException("Reading data from non-CPU memory is not supported. Move or copy the tensor to the cpu before reading.");
        }
        _tensor = tensor;
        _ownsTensor = ownsTensor;
        _data = (T*)tensor.DataPointer();
        _shape = tensor.shape;
        _strides = tensor.stride();
        _contiguous = tensor.is_contiguous();
        Count = tensor.numel();
    }

    public long Count { get; }

    public bool IsReadOnly => false;

    public T this[params long[] indices]
    {
        get => *(_data + Offset(indices));
        set => *(_data + Offset(indices)) = value;
    }

    /// <summary>The elements, in one dimension.</summary>
    public T[] ToArray()
    {
        var result = new T[Count];
        CopyTo(result);
        return result;
    }

    /// <summary>The elements in an array with the tensor's dimensions; of one dimension where it has none.</summary>
    public Array ToNDArray()
    {
        if (_shape.Length < 2)
        {
            return ToArray();
        }
        var result = Array.CreateInstance(typeof(T), _shape);
        if (Count > 0)
        {
            fixed (byte* first = &MemoryMarshal.GetArrayDataReference(result))
            {
                CopyTo(new Span<T>(first, checked((int)Count)));
            }
        }
        return result;
    }

    public void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyTo(array.AsSpan(arrayIndex), 0, tensorIndex);

    /// <summary>Copies elements from <paramref name="tensorIndex"/> on, as many as both sides have.</summary>
    public void CopyTo(Span<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        var target = array[arrayIndex..];
        var count = (int)Math.Min(target.Length, Count - tensorIndex);
        if (_contiguous)
        {
            new ReadOnlySpan<T>(_data + tensorIndex, count).CopyTo(target);
        }
        else
        {
            for (var i = 0; i < count; i++)
            {
                target[i] = At(tensorIndex + i);
            }
        }
        GC.KeepAlive(_tensor);
    }

    public void CopyFrom(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyFrom(array.AsSpan(arrayIndex), 0, tensorIndex);

    public void CopyFrom(ReadOnlySpan<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        var source = array[arrayIndex..];
        var count = (int)Math.Min(source.Length, Count - tensorIndex);
        if (_contiguous)
        {
            source[..count].CopyTo(new Span<T>(_data + tensorIndex, count));
        }
        else
        {
            for (var i = 0; i < count; i++)
            {
                *(_data + LinearOffset(tensorIndex + i)) = source[i];
            }
        }
        GC.KeepAlive(_tensor);
    }

    public IEnumerator<T> GetEnumerator()
    {
        for (long i = 0; i < Count; i++)
        {
            yield return At(i);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override bool Equals(object? obj) =>
        obj is TensorAccessor<T> other && Count == other.Count && this.SequenceEqual(other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

    public static bool operator ==(TensorAccessor<T>? left, TensorAccessor<T>? right) => left is null ? right is null : left.Equals(right);

    public static bool operator !=(TensorAccessor<T>? left, TensorAccessor<T>? right) => !(left == right);

    public void Dispose()
    {
        if (_ownsTensor)
        {
            _tensor.Dispose();
        }
    }

    /// <summary>The i-th element in logical order.</summary>
    internal T At(long i)
    {
        if ((ulong)i >= (ulong)Count)
        {
            throw new IndexOutOfRangeException($"The index {i} is outside of the tensor's {Count} elements.");
        }
        var value = *(_data + (_contiguous ? i : LinearOffset(i)));
        GC.KeepAlive(_tensor);
        return value;
    }

    private long LinearOffset(long index)
    {
        long offset = 0;
        for (var i = _shape.Length - 1; i >= 0; i--)
        {
            offset += index % _shape[i] * _strides[i];
            index /= _shape[i];
        }
        return offset;
    }

    private long Offset(long[] indices)
    {
        if (_tensor.IsInvalid)
        {
            throw new InvalidOperationException("Tensor invalid -- empty handle.");
        }
        // A tensor without dimensions, or one index into several: elements in logical order.
        if (indices.Length == 1 && _shape.Length != 1)
        {
            return (ulong)indices[0] < (ulong)Count ? LinearOffset(indices[0]) : throw new IndexOutOfRangeException($"The index {indices[0]} is outside of the tensor's {Count} elements.");
        }
        if (indices.Length != _shape.Length)
        {
            throw new ArgumentException($"{indices.Length} indices for a tensor of {_shape.Length} dimensions");
        }
        long offset = 0;
        for (var i = 0; i < indices.Length; i++)
        {
            if ((ulong)indices[i] >= (ulong)_shape[i])
            {
                throw new IndexOutOfRangeException($"The index {indices[i]} is outside of dimension {i} of size {_shape[i]}.");
            }
            offset += indices[i] * _strides[i];
        }
        return offset;
    }
}
