using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp;

public static unsafe partial class torch
{
    private static ScalarType s_defaultType = ScalarType.Float32;
    private static Device s_defaultDevice = CPU;

    public static ScalarType get_default_dtype() => s_defaultType;

    public static void set_default_dtype(ScalarType dtype)
    {
        if (!dtype.is_floating_point())
        {
            throw new ArgumentException($"only floating-point types can be the default type, not {dtype}", nameof(dtype));
        }
        s_defaultType = dtype;
    }

    public static Device get_default_device() => s_defaultDevice;

    public static void set_default_device(Device device) => s_defaultDevice = InitializeDevice(device);

    public static Tensor arange(Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(0, stop, 1, dtype, device, requires_grad);

    public static Tensor arange(Scalar start, Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(start, stop, 1, dtype, device, requires_grad);

    /// <summary>From start up to, without, stop; Int64 where all three are integers, else the default type.</summary>
    public static Tensor arange(Scalar start, Scalar stop, Scalar step, ScalarType? dtype = null, Device? device = null, bool requires_grad = false)
    {
        var integers = start.Type.is_integral() && stop.Type.is_integral() && step.Type.is_integral();
        return Grad(Aten.arange.Call(start, stop, step, dtype ?? (integers ? ScalarType.Int64 : s_defaultType), Arg.None, Where(device)), requires_grad);
    }

    public static Tensor linspace(double start, double end, long steps, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Grad(Aten.linspace.Call(start, end, steps, Type(dtype), Arg.None, Where(device)), requires_grad);

    public static Tensor eye(long rows, long columns = -1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        RefuseNames(names);
        return Grad(Aten.eye_m.Call(rows, columns < 0 ? rows : columns, Type(dtype), Arg.None, Where(device)), requires_grad);
    }

    public static Tensor randint(long low, long high, long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null)
    {
        RefuseNames(names);
        return Grad(Aten.randint_low_generator.Call(low, high, size, generator, dtype ?? ScalarType.Int64, Arg.None, Where(device)), requires_grad);
    }

    public static Tensor randint(long high, long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(0, high, size, dtype, device, requires_grad, generator, names);

    public static Tensor randint(long low, long high, Size size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(low, high, size.Shape, dtype, device, requires_grad, generator, names);

    public static Tensor randint(long high, Size size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(0, high, size.Shape, dtype, device, requires_grad, generator, names);

    public static Tensor randint(int low, int high, int[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(low, high, new Size(size).Shape, dtype, device, requires_grad, generator, names);

    public static Tensor randint(int high, int[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        randint(0, high, new Size(size).Shape, dtype, device, requires_grad, generator, names);

    public static Tensor randperm(long n, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null) =>
        Grad(Aten.randperm_generator.Call(n, generator, dtype ?? ScalarType.Int64, Arg.None, Where(device)), requires_grad);

    public static Tensor normal(double mean, double std, ReadOnlySpan<long> size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, Generator? generator = null, string[]? names = null) =>
        Grad(empty(size, dtype, device, names: names).normal_(mean, std, generator), requires_grad);

    /// <summary>A tensor over a one-dimensional array's own memory: a change to one is a change to the other.</summary>
    public static Tensor frombuffer(Array rawArray, ScalarType dtype, long count = -1, long offset = 0, bool requires_grad = false)
    {
        var length = rawArray.LongLength;
        if (offset < 0 || offset >= length)
        {
            throw new ArgumentException($"invalid value for 'offset': {offset}");
        }
        if (count < 0)
        {
            count = length - offset;
        }
        if (count > length - offset)
        {
            throw new IndexOutOfRangeException($"element count is too large: {count}");
        }
        var stored = TypeOf(rawArray.GetType().GetElementType()!);
        var shared = Over(rawArray, stored, [count], offset);
        return Grad(stored == dtype ? shared : shared.to_type(dtype, disposeAfter: true), requires_grad);
    }

    /// <summary>A tensor over an array of any dimensions; it shares the array's memory unless type or device differ.</summary>
    public static Tensor from_array(Array rawArray, Device? device = null) => from_array(rawArray, null, device);

    public static Tensor from_array(Array rawArray, ScalarType? dtype, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        RefuseNames(names);
        var stored = TypeOf(rawArray.GetType().GetElementType()!);
        var sizes = new long[rawArray.Rank];
        for (var i = 0; i < sizes.Length; i++)
        {
            sizes[i] = rawArray.GetLongLength(i);
        }
        return Placed(Over(rawArray, stored, sizes, 0), dtype, device, requires_grad);
    }

    public static Tensor as_tensor(Tensor data, ScalarType? dtype = null, Device? device = null) => data.to(dtype ?? data.dtype, device ?? data.device);

    public static Tensor as_tensor(Array data, ScalarType? dtype = null, Device? device = null) => from_array(data, dtype, device);

    private static ScalarType Type(ScalarType? dtype) => dtype ?? s_defaultType;

    private static Device Where(Device? device) => device is null ? s_defaultDevice : InitializeDevice(device);

    private static ScalarType TypeOf(Scalar value) => value.Type.is_integral() && value.Type != ScalarType.Bool ? ScalarType.Int64 : value.Type == ScalarType.Bool ? ScalarType.Bool : s_defaultType;

    private static ScalarType TypeOf(Type type) =>
        type == typeof(float) ? ScalarType.Float32
        : type == typeof(long) ? ScalarType.Int64
        : type == typeof(int) ? ScalarType.Int32
        : type == typeof(double) ? ScalarType.Float64
        : type == typeof(bool) ? ScalarType.Bool
        : type == typeof(byte) ? ScalarType.Byte
        : type == typeof(sbyte) ? ScalarType.Int8
        : type == typeof(short) ? ScalarType.Int16
        : type == typeof(Half) ? ScalarType.Float16
        : throw new NotSupportedException($"The type {type.FullName} is not supported.");

    private static Tensor Grad(Tensor tensor, bool requires_grad) => requires_grad ? tensor.requires_grad_() : tensor;

    private static void RefuseNames(string[]? names)
    {
        if (names is { Length: > 0 })
        {
            throw new NotSupportedException("named tensors are not part of this binding");
        }
    }

    private static Tensor FromSpan<T>(ReadOnlySpan<T> data, ReadOnlySpan<long> dimensions, ScalarType? dtype, Device? device, bool requires_grad, string[]? names) where T : unmanaged
    {
        RefuseNames(names);
        long count = 1;
        foreach (var size in dimensions)
        {
            count = checked(count * size);
        }
        if (count < 0 || count > data.Length)
        {
            throw new ArgumentException($"mismatched total size creating a tensor from an array: {count} vs. {data.Length}");
        }
        var stored = empty(dimensions, TypeOf(typeof(T)), CPU);
        data[..(int)count].CopyTo(new Span<T>((void*)stored.DataPointer(), (int)count));
        return Placed(stored, dtype, device, requires_grad);
    }

    private static Tensor FromList<T>(IList<T> data, ReadOnlySpan<long> dimensions, ScalarType? dtype, Device? device, bool requires_grad, string[]? names) where T : unmanaged
    {
        return data switch
        {
            T[] array => FromSpan<T>(array, dimensions, dtype, device, requires_grad, names),
            List<T> list => FromSpan<T>(CollectionsMarshal.AsSpan(list), dimensions, dtype, device, requires_grad, names),
            _ => FromSpan<T>(data.ToArray(), dimensions, dtype, device, requires_grad, names),
        };
    }

    private static Tensor FromArray<T>(Array data, ScalarType? dtype, Device? device, bool requires_grad, string[]? names) where T : unmanaged
    {
        var sizes = new long[data.Rank];
        for (var i = 0; i < sizes.Length; i++)
        {
            sizes[i] = data.GetLongLength(i);
        }
        ReadOnlySpan<T> elements = data.Length == 0 ? [] : MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference(data)), data.Length);
        return FromSpan(elements, sizes, dtype, device, requires_grad, names);
    }

    // Takes the tensor to where it is wanted; an intermediate copy is not left behind.
    private static Tensor Placed(Tensor tensor, ScalarType? dtype, Device? device, bool requires_grad)
    {
        var target = Where(device);
        if (tensor.ToWillCopy(dtype ?? tensor.dtype, target))
        {
            tensor = tensor.to(dtype ?? tensor.dtype, target, disposeAfter: true);
        }
        return Grad(tensor, requires_grad);
    }

    // The array stays pinned until libtorch drops the last reference to its storage.
    private static Tensor Over(Array array, ScalarType type, ReadOnlySpan<long> sizes, long offset)
    {
        Native.Require();
        if (array.Length == 0)
        {
            return empty(sizes, type, CPU);
        }
        var pin = GCHandle.Alloc(array, GCHandleType.Pinned);
        var size = Marshal.SizeOf(array.GetType().GetElementType()! == typeof(bool) ? typeof(byte) : array.GetType().GetElementType()!);
        nint handle;
        fixed (long* first = sizes)
        {
            handle = Native.TensorFromMemory(pin.AddrOfPinnedObject() + (nint)(offset * size), first, sizes.Length, (int)type, &Unpin, GCHandle.ToIntPtr(pin));
        }
        if (handle == 0)
        {
            pin.Free();
            Native.Throw();
        }
        return new Tensor(handle);
    }

    [UnmanagedCallersOnly]
    private static void Unpin(nint context) => GCHandle.FromIntPtr(context).Free();
}

file static class Aten
{
    public static readonly Op arange = new("arange", "start_step");
    public static readonly Op linspace = new("linspace");
    public static readonly Op eye_m = new("eye", "m");
    public static readonly Op randint_low_generator = new("randint", "low_generator");
    public static readonly Op randperm_generator = new("randperm", "generator");
}
