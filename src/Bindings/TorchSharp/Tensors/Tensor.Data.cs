using TorchSharp.Interop;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    public unsafe partial class Tensor
    {
        /// <summary>The elements where they lie; the CPU's, contiguous.</summary>
        /// <exception cref="InvalidOperationException">Not contiguous, or not on the CPU.</exception>
        public Span<byte> bytes
        {
            get
            {
                var total = NumberOfElements * ElementSize;
                RequireContiguousCpu();
                return total <= int.MaxValue
                    ? new Span<byte>((void*)DataPointer(), (int)total)
                    : throw new ArgumentException("Span only supports up to int.MaxValue elements.");
            }
            set
            {
                RequireContiguousCpu();
                if (NumberOfElements * ElementSize != value.Length)
                {
                    throw new ArgumentException("Mismatched data sizes in SetBytes().");
                }
                value.CopyTo(new Span<byte>((void*)DataPointer(), value.Length));
            }
        }

        /// <summary>The elements as a collection; those of another device are copied to the CPU first, and the accessor owns the copy.</summary>
        /// <exception cref="ArgumentException">T is not the element type.</exception>
        public TensorAccessor<T> data<T>() where T : unmanaged
        {
            ValidateType(typeof(T));
            return device_type == DeviceType.CPU
                ? new TensorAccessor<T>(this, ownsTensor: false)
                : new TensorAccessor<T>(cpu().DetachFromDisposeScope(), ownsTensor: true);
        }

        public T item<T>() where T : unmanaged
        {
            if (NumberOfElements != 1)
            {
                throw new ArgumentException("Number of elements in the tensor must be 1");
            }
            ValidateType(typeof(T));
            if (device_type == DeviceType.CPU)
            {
                return *(T*)DataPointer();
            }
            using var accessor = data<T>();
            return accessor[0];
        }

        /// <summary>The one element, whatever its type.</summary>
        public Scalar ToScalar()
        {
            var type = dtype;
            return Scalar.From(Aten.item.CallValue(this)).As(type);
        }

        public T ReadCpuValue<T>(long i) where T : unmanaged => data<T>().At(i);
        public double ReadCpuDouble(long i) => ReadCpuValue<double>(i);
        public float ReadCpuSingle(long i) => ReadCpuValue<float>(i);
        public int ReadCpuInt32(long i) => ReadCpuValue<int>(i);
        public long ReadCpuInt64(long i) => ReadCpuValue<long>(i);
        public byte ReadCpuByte(long i) => ReadCpuValue<byte>(i);
        public sbyte ReadCpuSByte(long i) => ReadCpuValue<sbyte>(i);
        public short ReadCpuInt16(long i) => ReadCpuValue<short>(i);
        public bool ReadCpuBool(long i) => ReadCpuValue<bool>(i);

        /// <summary>Nested lists of the elements, or the element itself where there are no dimensions.</summary>
        public object tolist()
        {
            if (ndim == 0)
            {
                return ToScalar();
            }
            var list = new List<object>();
            foreach (var row in unbind())
            {
                using (row)
                {
                    list.Add(row.tolist());
                }
            }
            return list;
        }

        /// <summary>Writes the elements' bytes, in order.</summary>
        public void WriteBytesToStream(Stream stream, int bufferSize = 1024)
        {
            RequireContiguousCpu();
            var pointer = (byte*)DataPointer();
            for (var left = NumberOfElements * ElementSize; left > 0;)
            {
                var count = (int)Math.Min(left, int.MaxValue);
                stream.Write(new ReadOnlySpan<byte>(pointer, count));
                pointer += count;
                left -= count;
            }
        }

        /// <summary>Fills the tensor with bytes from a stream.</summary>
        /// <exception cref="EndOfStreamException">The stream has too few.</exception>
        public void ReadBytesFromStream(Stream stream, int bufferSize = 1024)
        {
            RequireContiguousCpu();
            var pointer = (byte*)DataPointer();
            for (var left = NumberOfElements * ElementSize; left > 0;)
            {
                var count = (int)Math.Min(left, int.MaxValue);
                stream.ReadExactly(new Span<byte>(pointer, count));
                pointer += count;
                left -= count;
            }
        }

        /// <summary>The first element's address; 0 where there are none.</summary>
        internal nint DataPointer()
        {
            var pointer = Native.TensorData(Handle);
            if (pointer == 0)
            {
                Native.ThrowIfError();
            }
            return pointer;
        }

        private void ValidateType(Type type)
        {
            var expected = dtype switch
            {
                ScalarType.Byte => typeof(byte),
                ScalarType.Int8 => typeof(sbyte),
                ScalarType.Int16 => typeof(short),
                ScalarType.Int32 => typeof(int),
                ScalarType.Int64 => typeof(long),
                ScalarType.Bool => typeof(bool),
                ScalarType.Float16 => typeof(Half),
                ScalarType.Float32 => typeof(float),
                ScalarType.Float64 => typeof(double),
                var other => throw new ArgumentException($"No support for {other} in TorchSharp"),
            };
            if (type != expected)
            {
                throw new ArgumentException($"{type.Name} is not compatible with {dtype}");
            }
        }

        private void RequireContiguousCpu()
        {
            if (!is_contiguous())
            {
                throw new InvalidOperationException("Bytes() called on non-contiguous tensor.");
            }
            if (device_type != DeviceType.CPU)
            {
                throw new InvalidOperationException("Reading data from non-CPU memory is not supported. Move or copy the tensor to the cpu before reading.");
            }
        }
    }
}

file static class Aten
{
    public static readonly Op item = new("item");
}
