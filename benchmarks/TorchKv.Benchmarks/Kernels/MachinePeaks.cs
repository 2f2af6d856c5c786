using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchKv.Benchmarks.Kernels;

/// <summary>What the machine can do at most, measured: bytes read from memory, float32 FMAs and integer dot products on registers alone.</summary>
internal static unsafe class MachinePeaks
{
    // 1 GiB: of a smaller buffer a large third-level cache keeps a part, and the rate is not the memory's.
    private const long Floats = 256L << 20;
    private static readonly float* Memory = Allocate();

    /// <summary>Bytes a second that the threads together read from a buffer of 1 GiB, the best of some passes.</summary>
    public static double Bandwidth(int threads)
    {
        var share = Floats / threads / 64 * 64;
        return threads * share * sizeof(float) / Best(threads, 5, thread => Sum(Memory + (thread * share), share));
    }

    /// <summary>Float32 operations a second (an FMA is two) of a loop on registers.</summary>
    public static double Flops(int threads)
    {
        const long Rounds = 4_000_000;
        var lanes = Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : 4;
        return threads * Rounds * 12 * lanes * 2 / Best(threads, 5, _ => lanes == 16 ? Fma512(Rounds) : lanes == 8 ? Fma256(Rounds) : Fma128(Rounds));
    }

    /// <summary>Integer operations a second (a multiplication and an addition are two) of <c>vpdpbusd</c> on registers; null where there is none.</summary>
    public static double? DotOperations(int threads)
    {
        const long Rounds = 4_000_000;
        return AvxVnni.IsSupported ? threads * Rounds * 12 * 64 / Best(threads, 5, _ => Dot(Rounds)) : null;
    }

    private static float* Allocate()
    {
        var memory = (float*)NativeMemory.AlignedAlloc((nuint)Floats * sizeof(float), 2 << 20);
        new Span<float>(memory, (int)Floats).Fill(1);
        return memory;
    }

    private static double Best(int threads, int rounds, Func<int, float> work)
    {
        var best = double.MaxValue;
        for (var round = 0; round < rounds; round++)
        {
            using var start = new Barrier(threads);
            long began = 0;
            var workers = Enumerable.Range(0, threads).Select(thread => new Thread(() =>
            {
                start.SignalAndWait();
                Interlocked.CompareExchange(ref began, Stopwatch.GetTimestamp(), 0);
                GC.KeepAlive(work(thread));
            })).ToArray();
            foreach (var worker in workers)
            {
                worker.Start();
            }

            foreach (var worker in workers)
            {
                worker.Join();
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return best;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Sum(float* source, long count)
    {
        Vector512<float> a = default, b = a, c = a, d = a;
        for (var end = source + count; source < end; source += 64)
        {
            a += Vector512.Load(source);
            b += Vector512.Load(source + 16);
            c += Vector512.Load(source + 32);
            d += Vector512.Load(source + 48);
        }

        return Vector512.Sum(a + b + c + d);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Fma512(long rounds)
    {
        var x = Vector512.Create(0.999f);
        Vector512<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (; rounds > 0; rounds--)
        {
            a = Vector512.FusedMultiplyAdd(a, x, x);
            b = Vector512.FusedMultiplyAdd(b, x, x);
            c = Vector512.FusedMultiplyAdd(c, x, x);
            d = Vector512.FusedMultiplyAdd(d, x, x);
            e = Vector512.FusedMultiplyAdd(e, x, x);
            f = Vector512.FusedMultiplyAdd(f, x, x);
            g = Vector512.FusedMultiplyAdd(g, x, x);
            h = Vector512.FusedMultiplyAdd(h, x, x);
            i = Vector512.FusedMultiplyAdd(i, x, x);
            j = Vector512.FusedMultiplyAdd(j, x, x);
            k = Vector512.FusedMultiplyAdd(k, x, x);
            l = Vector512.FusedMultiplyAdd(l, x, x);
        }

        return Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Fma256(long rounds)
    {
        var x = Vector256.Create(0.999f);
        Vector256<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (; rounds > 0; rounds--)
        {
            a = Vector256.FusedMultiplyAdd(a, x, x);
            b = Vector256.FusedMultiplyAdd(b, x, x);
            c = Vector256.FusedMultiplyAdd(c, x, x);
            d = Vector256.FusedMultiplyAdd(d, x, x);
            e = Vector256.FusedMultiplyAdd(e, x, x);
            f = Vector256.FusedMultiplyAdd(f, x, x);
            g = Vector256.FusedMultiplyAdd(g, x, x);
            h = Vector256.FusedMultiplyAdd(h, x, x);
            i = Vector256.FusedMultiplyAdd(i, x, x);
            j = Vector256.FusedMultiplyAdd(j, x, x);
            k = Vector256.FusedMultiplyAdd(k, x, x);
            l = Vector256.FusedMultiplyAdd(l, x, x);
        }

        return Vector256.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Fma128(long rounds)
    {
        var x = Vector128.Create(0.999f);
        Vector128<float> a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        for (; rounds > 0; rounds--)
        {
            a = Vector128.FusedMultiplyAdd(a, x, x);
            b = Vector128.FusedMultiplyAdd(b, x, x);
            c = Vector128.FusedMultiplyAdd(c, x, x);
            d = Vector128.FusedMultiplyAdd(d, x, x);
            e = Vector128.FusedMultiplyAdd(e, x, x);
            f = Vector128.FusedMultiplyAdd(f, x, x);
            g = Vector128.FusedMultiplyAdd(g, x, x);
            h = Vector128.FusedMultiplyAdd(h, x, x);
            i = Vector128.FusedMultiplyAdd(i, x, x);
            j = Vector128.FusedMultiplyAdd(j, x, x);
            k = Vector128.FusedMultiplyAdd(k, x, x);
            l = Vector128.FusedMultiplyAdd(l, x, x);
        }

        return Vector128.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Dot(long rounds)
    {
        var w = Vector256.Create((byte)1);
        var x = Vector256.Create((sbyte)1);
        Vector256<int> a = default, b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a, l = a;
        for (; rounds > 0; rounds--)
        {
            a = AvxVnni.MultiplyWideningAndAdd(a, w, x);
            b = AvxVnni.MultiplyWideningAndAdd(b, w, x);
            c = AvxVnni.MultiplyWideningAndAdd(c, w, x);
            d = AvxVnni.MultiplyWideningAndAdd(d, w, x);
            e = AvxVnni.MultiplyWideningAndAdd(e, w, x);
            f = AvxVnni.MultiplyWideningAndAdd(f, w, x);
            g = AvxVnni.MultiplyWideningAndAdd(g, w, x);
            h = AvxVnni.MultiplyWideningAndAdd(h, w, x);
            i = AvxVnni.MultiplyWideningAndAdd(i, w, x);
            j = AvxVnni.MultiplyWideningAndAdd(j, w, x);
            k = AvxVnni.MultiplyWideningAndAdd(k, w, x);
            l = AvxVnni.MultiplyWideningAndAdd(l, w, x);
        }

        return Vector256.Sum(a + b + c + d + e + f + g + h + i + j + k + l);
    }
}
