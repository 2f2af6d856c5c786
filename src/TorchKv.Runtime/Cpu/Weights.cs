using System.Globalization;
using System.Runtime.CompilerServices;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>What is fixed: a checkpoint's parameters, matrices packed in panels. Nothing of it changes once it is loaded.</summary>
internal sealed unsafe class Weights : IDisposable
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>Inputs that one packing job reads at a time: a multiple of every group.</summary>
    private const int Stretch = 128;

    private readonly NativeBuffer matrices;
    private readonly NativeBuffer vectors;
    private readonly List<Job> jobs = [];
    private byte* nextPanel;
    private float* nextVector;

    private Weights(Gpt2Config config, CpuDType dtype)
    {
        Config = config;
        DType = dtype;
        int width = config.EmbeddingSize, inner = config.InnerSize;
        var format = FormatOf(dtype);
        Layers = new Layer[config.LayerCount];
        for (var i = 0; i < Layers.Length; i++)
        {
            Layers[i] = new Layer
            {
                Qkv = new PackedMatrix(format, width, 3, width),
                Projection = new PackedMatrix(format, width, 1, width),
                Up = new PackedMatrix(format, width, 1, inner),
                Down = new PackedMatrix(format, inner, 1, width),
            };
        }

        // The head decides between neighbouring tokens, and as the embedding it feeds every layer: llama.cpp, too, keeps it in six bits.
        Head = new PackedMatrix(format == WeightFormat.Int4 ? WeightFormat.Int6 : format, width, 1, config.VocabSize);
        Matrices = [.. Layers.SelectMany(layer => layer.Matrices), Head];
        EmbeddingStride = config.TieWordEmbeddings ? 0 : width;
        var bytes = Matrices.Sum(matrix => Page(matrix.MostBytes));
        var vectorFloats = Matrices.Sum(matrix => (long)matrix.Panels * Width)
            + ((long)Layers.Length * 4 * Vector(width)) + (2 * Vector(width))
            + ((long)config.ContextLength * width)
            + (config.TieWordEmbeddings ? 0 : (long)config.VocabSize * width);
        matrices = new NativeBuffer(bytes);
        vectors = new NativeBuffer((vectorFloats + 64) * sizeof(float));
        nextPanel = matrices.Pointer;
        nextVector = (float*)vectors.Pointer;
        foreach (var matrix in Matrices)
        {
            matrix.Place(nextPanel, Take(matrix.Panels * Width));
            nextPanel += Page(matrix.MostBytes);
        }
    }

    public Gpt2Config Config { get; }

    public CpuDType DType { get; }

    public Layer[] Layers { get; }

    /// <summary>The output head, which is the token embedding too where they are tied.</summary>
    public PackedMatrix Head { get; }

    public IReadOnlyList<PackedMatrix> Matrices { get; }

    /// <summary>(context, width).</summary>
    public float* Positions { get; private set; }

    public float* FinalNormWeight { get; private set; }

    public float* FinalNormBias { get; private set; }

    /// <summary>Bytes that a decode step reads: all matrices once.</summary>
    public long BytesPerPass => Matrices.Sum(matrix => matrix.Bytes);

    /// <summary>Bytes of memory kept: bfloat16 matrices in 12 bits have room for two bytes a weight, of which they leave a quarter untouched.</summary>
    public long Bytes => matrices.Bytes + vectors.Bytes;

    /// <summary>(vocabulary, width) where it is not the head's.</summary>
    private float* Embedding { get; set; }

    private int EmbeddingStride { get; }

    /// <summary>How matrices are kept under a dtype, if their weights fit.</summary>
    public static WeightFormat FormatOf(CpuDType dtype) => dtype switch
    {
        CpuDType.Float32 => WeightFormat.Float32,
        CpuDType.BFloat16 => WeightFormat.CodedBFloat16,
        CpuDType.Int8 => WeightFormat.Int8,
        _ => WeightFormat.Int4,
    };

    /// <summary>Reads and packs a checkpoint, on <paramref name="threads"/> threads.</summary>
    /// <exception cref="CheckpointException">The file cannot be read.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static Weights Load(Checkpoint checkpoint, CpuDType dtype, int threads, CancellationToken cancellationToken)
    {
        var weights = new Weights(checkpoint.Config, dtype);
        try
        {
            weights.Plan(checkpoint);
            weights.RunJobs(threads, cancellationToken);
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>The token's embedding, (width), as the matrix that holds it keeps it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Embed(int token, float* destination)
    {
        var width = Config.EmbeddingSize;
        if (Embedding is not null)
        {
            new ReadOnlySpan<float>(Embedding + ((nint)token * EmbeddingStride), width).CopyTo(new Span<float>(destination, width));
            return;
        }

        var (panel, lane) = Math.DivRem(token, Width);
        if (Head.Format == WeightFormat.Float32)
        {
            var source = (float*)Head.Panel(panel) + lane;
            for (var i = 0; i < width; i++)
            {
                destination[i] = source[i * Width];
            }

            return;
        }

        for (var i = 0; i < width; i++)
        {
            destination[i] = WeightPacking.Unpack(Head, panel, i, lane);
        }
    }

    public void Dispose()
    {
        matrices.Dispose();
        vectors.Dispose();
    }

    private static long Page(long bytes) => (bytes + 4095) & ~4095L;

    private static long Vector(int floats) => (floats + 15) & ~15;

    private float* Take(long floats)
    {
        var taken = nextVector;
        nextVector += Vector((int)Math.Min(floats, int.MaxValue - 16)) is var rounded && floats < int.MaxValue - 16 ? rounded : floats;
        return taken;
    }

    private void Plan(Checkpoint checkpoint)
    {
        long width = Config.EmbeddingSize;
        PlanHead(checkpoint[Config.TieWordEmbeddings ? Gpt2Tensors.TokenEmbedding : Gpt2Tensors.Head]);
        if (!Config.TieWordEmbeddings)
        {
            Embedding = PlanVector(checkpoint[Gpt2Tensors.TokenEmbedding]);
        }

        for (var i = 0; i < Layers.Length; i++)
        {
            var layer = Layers[i];
            var block = string.Create(CultureInfo.InvariantCulture, $"transformer.h.{i}.");
            layer.Norm1Weight = PlanVector(checkpoint[block + "ln_1.weight"]);
            layer.Norm1Bias = PlanVector(checkpoint[block + "ln_1.bias"]);
            layer.Norm2Weight = PlanVector(checkpoint[block + "ln_2.weight"]);
            layer.Norm2Bias = PlanVector(checkpoint[block + "ln_2.bias"]);
            PlanLinear(layer.Qkv, checkpoint[block + "attn.c_attn.weight"], checkpoint[block + "attn.c_attn.bias"]);
            PlanLinear(layer.Projection, checkpoint[block + "attn.c_proj.weight"], checkpoint[block + "attn.c_proj.bias"]);
            PlanLinear(layer.Up, checkpoint[block + "mlp.c_fc.weight"], checkpoint[block + "mlp.c_fc.bias"]);
            PlanLinear(layer.Down, checkpoint[block + "mlp.c_proj.weight"], checkpoint[block + "mlp.c_proj.bias"]);
        }

        Positions = PlanVector(checkpoint["transformer.wpe.weight"]);
        FinalNormWeight = PlanVector(checkpoint["transformer.ln_f.weight"]);
        FinalNormBias = PlanVector(checkpoint["transformer.ln_f.bias"]);
    }

    private float* PlanVector(CheckpointTensor tensor)
    {
        var destination = Take(tensor.ElementCount);
        jobs.Add(new(null, 0, _ => ReadFloats(tensor, destination, 0, tensor.ElementCount)));
        return destination;
    }

    /// <summary>HuggingFace's Conv1D, (inputs, outputs): K-major as it is, to be cut into panels.</summary>
    private void PlanLinear(PackedMatrix matrix, CheckpointTensor weight, CheckpointTensor bias)
    {
        var outputs = matrix.Parts * matrix.PartOutputs;
        for (var first = 0; first < matrix.Inputs; first += Stretch)
        {
            var (start, count) = (first, Math.Min(Stretch, matrix.Inputs - first));
            jobs.Add(new(
                matrix,
                (long)Stretch * outputs,
                buffer =>
                {
                    var source = (float*)buffer.Pointer;
                    ReadFloats(weight, source, (long)start * outputs, (long)count * outputs);
                    for (var panel = 0; panel < matrix.Panels; panel++)
                    {
                        var (part, output, lanes) = matrix.Outputs(panel);
                        WeightPacking.Pack(matrix, panel, start, count, source + (part * matrix.PartOutputs) + output, outputs, lanes);
                    }
                }));
        }

        jobs.Add(new(
            null,
            0,
            _ =>
            {
                for (var panel = 0; panel < matrix.Panels; panel++)
                {
                    var (part, output, lanes) = matrix.Outputs(panel);
                    ReadFloats(bias, matrix.Bias + (panel * Width), (part * matrix.PartOutputs) + output, lanes);
                }
            }));
    }

    /// <summary>The head, (outputs, inputs): 32 rows at a time, transposed.</summary>
    private void PlanHead(CheckpointTensor weight)
    {
        const int PanelsPerJob = 8;
        for (var first = 0; first < Head.Panels; first += PanelsPerJob)
        {
            var (start, end) = (first, Math.Min(Head.Panels, first + PanelsPerJob));
            jobs.Add(new(
                Head,
                2L * Width * Head.Inputs,
                buffer =>
                {
                    var source = (float*)buffer.Pointer;
                    var transposed = source + ((long)Width * Head.Inputs);
                    for (var panel = start; panel < end; panel++)
                    {
                        var (_, output, lanes) = Head.Outputs(panel);
                        ReadFloats(weight, source, (long)output * Head.Inputs, (long)lanes * Head.Inputs);
                        Transpose(source, lanes, Head.Inputs, transposed);
                        WeightPacking.Pack(Head, panel, 0, Head.Inputs, transposed, Width, lanes);
                    }
                }));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose(float* source, int rows, int columns, float* destination)
    {
        for (var start = 0; start < columns; start += 16)
        {
            var end = Math.Min(columns, start + 16);
            for (var row = 0; row < rows; row++)
            {
                var from = source + ((long)row * columns);
                for (var column = start; column < end; column++)
                {
                    destination[((long)column * Width) + row] = from[column];
                }
            }
        }
    }

    private static void ReadFloats(CheckpointTensor tensor, float* destination, long start, long count)
    {
        const int Most = 1 << 20;
        for (long done = 0; done < count; done += Most)
        {
            tensor.CopyTo(new Span<float>(destination + done, (int)Math.Min(Most, count - done)), start + done);
        }
    }

    private void RunJobs(int threads, CancellationToken cancellationToken)
    {
        Run(jobs, threads, cancellationToken);
        if (Array.FindAll([.. Matrices], matrix => matrix.Misfit) is { Length: > 0 } misfits)
        {
            foreach (var matrix in misfits)
            {
                matrix.FallBack();
            }

            Run(jobs.FindAll(job => job.Matrix is { } matrix && Array.IndexOf(misfits, matrix) >= 0), threads, cancellationToken);
        }

        jobs.Clear();
    }

    private static void Run(List<Job> jobs, int threads, CancellationToken cancellationToken)
    {
        var largest = jobs.Max(job => job.Floats);
        var next = -1;
        Exception? failure = null;
        void Work()
        {
            try
            {
                using var buffer = new NativeBuffer(largest * sizeof(float));
                for (int job; failure is null && (job = Interlocked.Increment(ref next)) < jobs.Count;)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    if (jobs[job].Matrix is not { Misfit: true })
                    {
                        jobs[job].Run(buffer);
                    }
                }
            }
            catch (Exception error)
            {
                Interlocked.CompareExchange(ref failure, error, null);
            }
        }

        var helpers = Enumerable.Range(1, Math.Min(threads, jobs.Count) - 1).Select(_ => new Thread(Work) { IsBackground = true }).ToArray();
        foreach (var helper in helpers)
        {
            helper.Start();
        }

        Work();
        foreach (var helper in helpers)
        {
            helper.Join();
        }

        if (failure is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <summary>A piece of loading: what it fills, the floats that it needs room for, and the work.</summary>
    private sealed record Job(PackedMatrix? Matrix, long Floats, Action<NativeBuffer> Run);

    /// <summary>One transformer block's parameters.</summary>
    internal sealed class Layer
    {
        public float* Norm1Weight { get; set; }

        public float* Norm1Bias { get; set; }

        /// <summary>(width) → queries, keys, values of (width) each.</summary>
        public required PackedMatrix Qkv { get; init; }

        /// <summary>(width) → (width).</summary>
        public required PackedMatrix Projection { get; init; }

        public float* Norm2Weight { get; set; }

        public float* Norm2Bias { get; set; }

        /// <summary>(width) → (inner).</summary>
        public required PackedMatrix Up { get; init; }

        /// <summary>(inner) → (width).</summary>
        public required PackedMatrix Down { get; init; }

        public IEnumerable<PackedMatrix> Matrices => [Qkv, Projection, Up, Down];
    }
}
