using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using static TorchSharp.torch;

namespace TorchSharp.Interop;

/// <summary>
/// One operator, aten::name.overload or that of another namespace which the name begins with, looked up at its first call. Arguments are positional, as in its schema;
/// those left off take the schema's defaults.
/// </summary>
internal sealed unsafe class Op(string name, string overload = "")
{
    // An operator takes at most this many arguments (the longest in use has 12).
    private const int MaxArguments = 16;

    // Elements of lists copied to the stack for one call; longer lists are copied to native memory.
    private const int ScratchElements = 64;

    private nint _handle;

    /// <summary>Whether this libtorch has the operator.</summary>
    public bool Exists
    {
        get
        {
            Native.Require();
            if (_handle == 0)
            {
                _handle = Find();
                _ = Native.Error();
            }
            return _handle != 0;
        }
    }

    /// <summary>Calls an operator that returns one tensor.</summary>
    public Tensor Call(params ReadOnlySpan<Arg> arguments)
    {
        Value result;
        Invoke(arguments, &result, 1);
        return new Tensor((nint)result.Bits);
    }

    /// <summary>Calls an operator whose result is not wanted: an in-place one, or one without.</summary>
    public void Run(params ReadOnlySpan<Arg> arguments) => Invoke(arguments, null, 0);

    /// <summary>Calls an in-place operator and returns its first argument.</summary>
    public Tensor InPlace(params ReadOnlySpan<Arg> arguments)
    {
        Invoke(arguments, null, 0);
        return Unsafe.As<Tensor>(arguments[0].Reference!);
    }

    public (Tensor, Tensor) Call2(params ReadOnlySpan<Arg> arguments)
    {
        var results = stackalloc Value[2];
        Invoke(arguments, results, 2);
        return (new Tensor((nint)results[0].Bits), new Tensor((nint)results[1].Bits));
    }

    public (Tensor, Tensor, Tensor) Call3(params ReadOnlySpan<Arg> arguments)
    {
        var results = stackalloc Value[3];
        Invoke(arguments, results, 3);
        return (new Tensor((nint)results[0].Bits), new Tensor((nint)results[1].Bits), new Tensor((nint)results[2].Bits));
    }

    /// <summary>Calls an operator that returns a list of tensors.</summary>
    public Tensor[] CallList(params ReadOnlySpan<Arg> arguments)
    {
        const int Capacity = 64;
        var first = stackalloc Value[Capacity];
        var count = Invoke(arguments, first, Capacity);
        var tensors = new Tensor[count];
        for (var i = 0; i < Math.Min(count, Capacity); i++)
        {
            tensors[i] = new Tensor((nint)first[i].Bits);
        }
        if (count > Capacity)
        {
            var others = new Value[count - Capacity];
            fixed (Value* values = others)
            {
                Native.More(values, others.Length);
            }
            for (var i = 0; i < others.Length; i++)
            {
                tensors[Capacity + i] = new Tensor((nint)others[i].Bits);
            }
        }
        return tensors;
    }

    public Value CallValue(params ReadOnlySpan<Arg> arguments)
    {
        Value result;
        Invoke(arguments, &result, 1);
        return result;
    }

    public bool CallBool(params ReadOnlySpan<Arg> arguments) => CallValue(arguments).Bits != 0;

    public long CallInt(params ReadOnlySpan<Arg> arguments) => CallValue(arguments).Bits;

    public double CallDouble(params ReadOnlySpan<Arg> arguments) => BitConverter.Int64BitsToDouble(CallValue(arguments).Bits);

    private int Invoke(ReadOnlySpan<Arg> arguments, Value* results, int capacity)
    {
        var handle = _handle;
        if (handle == 0)
        {
            handle = Resolve();
        }
        var values = stackalloc Value[MaxArguments];
        var references = 0;
        for (var i = 0; i < arguments.Length; i++)
        {
            ref readonly var argument = ref arguments[i];
            values[i].Tag = argument.Tag;
            values[i].Count = argument.Count;
            if (argument.Reference is null)
            {
                values[i].Bits = argument.Bits;
            }
            else if (argument.Tag == Tag.Tensor)
            {
                values[i].Bits = Unsafe.As<Tensor>(argument.Reference).Handle;
            }
            else
            {
                references++;
            }
        }
        var count = references == 0
            ? Native.Call(handle, values, arguments.Length, results, capacity)
            : CallWithLists(handle, arguments, values, results, capacity);
        // A tensor that nobody else holds must not be finalised while libtorch reads it.
        for (var i = 0; i < arguments.Length; i++)
        {
            GC.KeepAlive(arguments[i].Reference);
        }
        if (count < 0)
        {
            Native.Throw();
        }
        return count;
    }

    // Lists go to native memory for the call: to the stack, or to the heap where they are long.
    private static int CallWithLists(nint handle, ReadOnlySpan<Arg> arguments, Value* values, Value* results, int capacity)
    {
        var scratch = stackalloc long[ScratchElements];
        var free = ScratchElements;
        List<nint>? heap = null;
        try
        {
            for (var i = 0; i < arguments.Length; i++)
            {
                if (arguments[i].Reference is not { } reference || arguments[i].Tag == Tag.Tensor)
                {
                    continue;
                }
                if (reference is Generator generator)
                {
                    values[i].Bits = generator.Handle;
                    continue;
                }
                if (reference is string text)
                {
                    values[i].Count = Encoding.UTF8.GetByteCount(text);
                }
                var length = values[i].Count;
                var needed = reference is string ? (length + 7) / 8 : length;
                long* target;
                if (needed <= free)
                {
                    target = scratch;
                    scratch += needed;
                    free -= needed;
                }
                else
                {
                    target = (long*)NativeMemory.Alloc((nuint)needed, 8);
                    (heap ??= []).Add((nint)target);
                }
                values[i].Bits = (long)target;
                Copy(reference, target, length);
            }
            return Native.Call(handle, values, arguments.Length, results, capacity);
        }
        finally
        {
            if (heap is not null)
            {
                foreach (var block in heap)
                {
                    NativeMemory.Free((void*)block);
                }
            }
        }
    }

    private static void Copy(object reference, long* target, int length)
    {
        switch (reference)
        {
            case long[] values:
                values.AsSpan(0, length).CopyTo(new Span<long>(target, length));
                break;
            case double[] values:
                values.AsSpan(0, length).CopyTo(new Span<double>(target, length));
                break;
            case string text:
                Encoding.UTF8.GetBytes(text, new Span<byte>(target, length));
                break;
            case Tensor?[] tensors:
                for (var i = 0; i < length; i++)
                {
                    target[i] = tensors[i]?.Handle ?? 0;
                }
                break;
            default:
                throw new InvalidOperationException($"no native form for a {reference.GetType().Name}");
        }
    }

    private nint Resolve()
    {
        Native.Require();
        _handle = Find();
        if (_handle == 0)
        {
            Native.Throw();
        }
        return _handle;
    }

    private nint Find()
    {
        var nameBytes = Encoding.UTF8.GetBytes(name.Contains("::", StringComparison.Ordinal) ? $"{name}\0" : $"aten::{name}\0");
        var overloadBytes = Encoding.UTF8.GetBytes($"{overload}\0");
        fixed (byte* namePointer = nameBytes, overloadPointer = overloadBytes)
        {
            return Native.Operator(namePointer, overloadPointer);
        }
    }
}
