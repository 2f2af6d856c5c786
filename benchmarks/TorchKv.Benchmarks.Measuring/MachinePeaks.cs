using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchKv.Benchmarks.Measuring;

/// <summary>
/// What the machine can do at most, measured: bytes read from memory, float32 FMAs and integer dot products on
/// registers alone. A pass takes some milliseconds, so that passes can alternate with the steps that they are held
/// against: bandwidth and clocks of a shared machine drift from minute to minute, and a limit of another minute is
/// none.
/// </summary>
internal sealed unsafe class MachinePeaks : IDisposable
{
    // Sixteen times a third-level cache of 32 MB, and about what a float32 step of GPT-2 124M reads.
    private const long Bytes = 512L << 20;

    // What a thread claims at a time: threads end together although one was off its processor for a while.
    private const long Piece = 4L << 20;

    private readonly ProbeTeam _team;
    private byte* _memory;
    private long _next;

    public MachinePeaks(int threads) => _team = new ProbeTeam(threads);

    /// <summary>
    /// The ways to read that a pass may take. None is best always: with one stream a thread the prefetchers of the
    /// second level do all, with several more pages are open at once.
    /// </summary>
    public static int ReadWays => 4;

    /// <summary>
    /// Bytes a second that all threads together read in one pass over 512 MiB, in one of the <see cref="ReadWays"/>.
    /// </summary>
    public double Read(int way)
    {
        Allocate();
        _next = 0;
        return Bytes / _team.Run(_ =>
        {
            while (Interlocked.Add(ref _next, Piece) - Piece is var at && at < Bytes)
            {
                GC.KeepAlive(way switch
                {
                    0 => ReadStreams(_memory + at, 1),
                    1 => ReadStreams(_memory + at, 2),
                    2 => ReadStreams(_memory + at, 4),
                    _ => ReadAhead(_memory + at),
                });
            }
        });
    }

    /// <summary>Float32 operations a second (an FMA is two) of one pass of a loop on registers.</summary>
    public double Flops()
    {
        const long Rounds = 4_000_000;
        var lanes = Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : 4;
        return _team.Threads * Rounds * 12 * lanes * 2 / _team.Run(
            _ => GC.KeepAlive(lanes == 16 ? Fma512(Rounds) : lanes == 8 ? Fma256(Rounds) : Fma128(Rounds)));
    }

    /// <summary>
    /// Integer operations a second (a multiplication and an addition are two) of one pass of <c>vpdpbusd</c> on
    /// registers; NaN where there is none.
    /// </summary>
    public double DotOperations()
    {
        const long Rounds = 4_000_000;
        return AvxVnni.IsSupported
            ? _team.Threads * Rounds * 12 * 64 / _team.Run(_ => GC.KeepAlive(Dot(Rounds)))
            : double.NaN;
    }

    /// <summary>
    /// The best of some passes now, bytes a second: for figures that are not taken in turn with the probe.
    /// </summary>
    public static double BestRead(int threads, int passes = 12)
    {
        using var peaks = new MachinePeaks(threads);
        return Enumerable.Range(0, passes).Max(pass => peaks.Read(pass % ReadWays));
    }

    public void Dispose()
    {
        _team.Dispose();
        NativeMemory.AlignedFree(_memory);
        _memory = null;
    }

    private void Allocate()
    {
        if (_memory != null)
        {
            return;
        }

        const int HugePage = 2 << 20;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, HugePage);
        MachineMemory.AdviseHugePages(_memory, Bytes);

        // Each page written: untouched ones would all be the same page of zeros.
        new Span<byte>(_memory, (int)Bytes).Fill(1);
    }

    /// <summary>A piece as <paramref name="streams"/> runs side by side, four vectors of each in turn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float ReadStreams(byte* piece, int streams)
    {
        Vector512<float> a = default, b = a, c = a, d = a;
        var run = Piece / streams;
        for (long at = 0; at < run; at += 256)
        {
            for (var source = piece + at; source < piece + Piece; source += run)
            {
                a += Vector512.Load((float*)source);
                b += Vector512.Load((float*)(source + 64));
                c += Vector512.Load((float*)(source + 128));
                d += Vector512.Load((float*)(source + 192));
            }
        }

        return Vector512.Sum(a + b + c + d);
    }

    /// <summary>A piece front to back with software prefetch 4 KiB ahead.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float ReadAhead(byte* piece)
    {
        const int Ahead = 4096;
        Vector512<float> a = default, b = a, c = a, d = a;
        for (byte* source = piece, end = piece + Piece; source < end; source += 256)
        {
            Prefetch(source + Ahead);
            Prefetch(source + Ahead + 64);
            Prefetch(source + Ahead + 128);
            Prefetch(source + Ahead + 192);
            a += Vector512.Load((float*)source);
            b += Vector512.Load((float*)(source + 64));
            c += Vector512.Load((float*)(source + 128));
            d += Vector512.Load((float*)(source + 192));
        }

        return Vector512.Sum(a + b + c + d);
    }

    private static void Prefetch(byte* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
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
