using BenchmarkDotNet.Attributes;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Memory;

namespace TorchKv.Benchmarks.Kernels;

/// <summary>Attention of one head of width 64 over a number of keys.</summary>
public unsafe class AttentionBenchmarks
{
    private readonly KernelSet _kernels = KernelSet.For(KernelSet.Widest);
    private NativeBuffer? _memory;
    private KvLayout _layout;
    private int* _table;
    private float* _q;

    /// <summary>Keys.</summary>
    [Params(16, 128, 1024)]
    public int Keys { get; set; }

    /// <summary>Queries: one when decoding, six at a time in a prefill.</summary>
    [Params(1, 6)]
    public int Queries { get; set; }

    /// <summary>How keys and values are kept.</summary>
    [Params(CpuDType.Float32, CpuDType.BFloat16)]
    public CpuDType KvDType { get; set; }

    /// <summary>Fills blocks with random keys and values.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _layout = new KvLayout(12, 64, KvDType == CpuDType.Float32 ? 4 : 2);
        var blocks = Keys / KvLayout.BlockSize;
        _memory = new NativeBuffer(((long)blocks * _layout.Bytes) + (4L * blocks) + (4L * 12 * (768 + Keys + 64 + 64)));
        var random = new Random(1);
        if (KvDType == CpuDType.Float32)
        {
            RandomNumbers.Fill((float*)_memory.Pointer, blocks * _layout.Bytes / 4, random);
        }

        _q = (float*)(_memory.Pointer + ((long)blocks * _layout.Bytes));
        RandomNumbers.Fill(_q, 6 * 768, random);
        _table = (int*)(_q + (12 * (768 + Keys + 64 + 64)));
        for (var i = 0; i < blocks; i++)
        {
            _table[i] = i;
        }
    }

    /// <summary>The head's output for its queries, the last of which sees all keys.</summary>
    [Benchmark]
    public void Head() =>
        _kernels.Attend(
            _layout,
            _memory!.Pointer,
            _table,
            3,
            _q,
            768,
            Queries,
            Keys - Queries,
            0.125f,
            true,
            _q + (12 * 768),
            Keys,
            _q + (12 * (768 + Keys)));

    /// <summary>Frees the _memory.</summary>
    [GlobalCleanup]
    public void Cleanup() => _memory?.Dispose();
}
