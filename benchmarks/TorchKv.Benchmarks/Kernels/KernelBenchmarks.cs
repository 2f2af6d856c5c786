using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Benchmarks.Kernels;

/// <summary>One thread's kernels at GPT-2's shapes: <c>kernels [BenchmarkDotNet's options]</c>.</summary>
public static class KernelBenchmarks
{
    /// <summary>Runs them in this process: what is measured takes no start-up.</summary>
    public static int Run(string[] args)
    {
        var job = Job.ShortRun.WithToolchain(InProcessNoEmitToolchain.Instance);
        BenchmarkSwitcher.FromTypes([typeof(Products), typeof(AttentionHead)]).Run(
            args.Length == 0 ? ["--filter", "*"] : args,
            DefaultConfig.Instance.AddJob(job));
        return 0;
    }

    /// <summary>Rows × all panels of a matrix: one row is a matrix-vector product.</summary>
    public unsafe class Products
    {
        private readonly KernelSet kernels = KernelSet.For(KernelSet.Widest);
        private NativeBuffer? memory;
        private PackedMatrix matrix = null!;
        private float* x;
        private float* tile;
        private QuantizedRows quantized;

        /// <summary>Inputs × outputs: attention projection, feed-forward, and down.</summary>
        [Params("768x768", "768x3072", "3072x768")]
        public string Shape { get; set; } = "";

        /// <summary>Rows.</summary>
        [Params(1, 16, 96)]
        public int Rows { get; set; }

        /// <summary>How weights are kept.</summary>
        [Params(CpuDType.Float32, CpuDType.BFloat16, CpuDType.Int8, CpuDType.Int4)]
        public CpuDType DType { get; set; }

        /// <summary>Packs random weights.</summary>
        [GlobalSetup]
        public void Setup()
        {
            var sizes = Shape.Split('x').Select(int.Parse).ToArray();
            var (inputs, outputs) = (sizes[0], sizes[1]);
            matrix = new PackedMatrix(Weights.FormatOf(DType), inputs, 1, outputs);
            var rows = Tiles.PaddedRows(Rows);
            var floats = (inputs * 32L) + (rows * (long)inputs) + (rows * 32L) + (2L * rows * matrix.Groups);
            memory = new NativeBuffer(matrix.Bytes + 4096 + (floats * 4) + (rows * (long)matrix.Groups * matrix.Group));
            matrix.Place(memory.Pointer, null);
            var source = (float*)(memory.Pointer + ((matrix.Bytes + 4095) & ~4095L));
            x = source + (inputs * 32);
            tile = x + (rows * inputs);
            var scales = tile + (rows * 32);
            quantized = new QuantizedRows((sbyte*)(scales + (2 * rows * matrix.Groups)), scales, (int*)(scales + (rows * matrix.Groups)), matrix.Groups * matrix.Group, matrix.Groups);
            var random = new Random(1);
            for (var panel = 0; panel < matrix.Panels; panel++)
            {
                Fill(source, inputs * 32, random);
                WeightPacking.Pack(matrix, panel, 0, inputs, source, 32, 32);
            }

            Fill(x, Rows * inputs, random);
            for (var row = 0; row < Rows && matrix.Quantized; row++)
            {
                kernels.Quantize(quantized, x + (row * inputs), row, matrix.Group, matrix.Offset);
            }
        }

        /// <summary>The product.</summary>
        [Benchmark]
        public void Product()
        {
            for (var panel = 0; panel < matrix.Panels; panel++)
            {
                kernels.Multiply(matrix, panel, x, matrix.Inputs, quantized, 0, Rows, tile);
            }
        }

        /// <summary>Frees the memory.</summary>
        [GlobalCleanup]
        public void Cleanup() => memory?.Dispose();
    }

    /// <summary>Attention of one head of width 64 over a number of keys.</summary>
    public unsafe class AttentionHead
    {
        private readonly KernelSet kernels = KernelSet.For(KernelSet.Widest);
        private NativeBuffer? memory;
        private KvLayout layout;
        private int* table;
        private float* q;

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
            layout = new KvLayout(12, 64, KvDType == CpuDType.Float32 ? 4 : 2);
            var blocks = Keys / KvLayout.BlockSize;
            memory = new NativeBuffer(((long)blocks * layout.Bytes) + (4L * blocks) + (4L * 12 * (768 + Keys + 64 + 64)));
            var random = new Random(1);
            if (KvDType == CpuDType.Float32)
            {
                Fill((float*)memory.Pointer, blocks * layout.Bytes / 4, random);
            }

            q = (float*)(memory.Pointer + ((long)blocks * layout.Bytes));
            Fill(q, 6 * 768, random);
            table = (int*)(q + (12 * (768 + Keys + 64 + 64)));
            for (var i = 0; i < blocks; i++)
            {
                table[i] = i;
            }
        }

        /// <summary>The head's output for its queries, the last of which sees all keys.</summary>
        [Benchmark]
        public void Head() =>
            kernels.Attend(layout, memory!.Pointer, table, 3, q, 768, Queries, Keys - Queries, 0.125f, true, q + (12 * 768), Keys, q + (12 * (768 + Keys)));

        /// <summary>Frees the memory.</summary>
        [GlobalCleanup]
        public void Cleanup() => memory?.Dispose();
    }

    private static unsafe void Fill(float* values, int count, Random random)
    {
        for (var i = 0; i < count; i++)
        {
            values[i] = random.NextSingle() - 0.5f;
        }
    }
}
