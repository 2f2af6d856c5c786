using System.Globalization;
using System.Runtime.CompilerServices;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>The parameters of a checkpoint, with matrices packed in panels. They do not change after loading.</summary>
internal sealed unsafe class Weights : IDisposable
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>Inputs of one packing job: a multiple of the group of every format.</summary>
    private const int JobInputs = 128;

    private readonly NativeBuffer _matrices;
    private readonly NativeBuffer _vectors;
    private readonly List<Job> _jobs = [];
    private byte* _nextPanel;
    private float* _nextVector;

    private Weights(Gpt2Config config, CpuDType dtype)
    {
        Config = config;
        int width = config.EmbeddingSize, inner = config.InnerSize;
        var format = FormatOf(dtype);
        Layers = new LayerWeights[config.LayerCount];
        for (var i = 0; i < Layers.Length; i++)
        {
            Layers[i] = new LayerWeights
            {
                Qkv = new PackedMatrix(format, width, 3, width),
                Projection = new PackedMatrix(format, width, 1, width),
                Up = new PackedMatrix(format, width, 1, inner),
                Down = new PackedMatrix(format, inner, 1, width),
            };
        }

        // The head has six bits because its errors cost most: it decides between similar tokens, and as the tied
        // embedding it feeds every layer. llama.cpp does the same.
        Head = new PackedMatrix(format == WeightFormat.Int4 ? WeightFormat.Int6 : format, width, 1, config.VocabSize);
        Matrices = [.. Layers.SelectMany(layer => layer.Matrices), Head];
        var bytes = Matrices.Sum(matrix => RoundUpToPage(matrix.MostBytes));
        var vectorFloats = Matrices.Sum(matrix => (long)matrix.Panels * Width)
            + ((long)Layers.Length * 4 * RoundUpTo16(width)) + (2 * RoundUpTo16(width))
            + RoundUpTo16((long)config.ContextLength * width)
            + (config.TieWordEmbeddings ? 0 : RoundUpTo16((long)config.VocabSize * width));
        _matrices = new NativeBuffer(bytes);
        _vectors = new NativeBuffer(vectorFloats * sizeof(float));
        _nextPanel = _matrices.Pointer;
        _nextVector = (float*)_vectors.Pointer;
        foreach (var matrix in Matrices)
        {
            matrix.Place(_nextPanel, Take(matrix.Panels * Width));
            _nextPanel += RoundUpToPage(matrix.MostBytes);
        }
    }

    /// <summary>The configuration of the model.</summary>
    public Gpt2Config Config { get; }

    /// <summary>The layers in order.</summary>
    public LayerWeights[] Layers { get; }

    /// <summary>The output head. If embeddings are tied, it is also the token embedding.</summary>
    public PackedMatrix Head { get; }

    /// <summary>All matrices: those of the layers in order, then the head.</summary>
    public IReadOnlyList<PackedMatrix> Matrices { get; }

    /// <summary>The position embedding, (context, width).</summary>
    public float* Positions { get; private set; }

    /// <summary>The weight of the final LayerNorm, (width).</summary>
    public float* FinalNormWeight { get; private set; }

    /// <summary>The bias of the final LayerNorm, (width).</summary>
    public float* FinalNormBias { get; private set; }

    /// <summary>Bytes of matrices, which a decode step reads once.</summary>
    public long BytesPerPass => Matrices.Sum(matrix => matrix.Bytes);

    /// <summary>
    /// Bytes of reserved memory. Matrices of bfloat16 in 12 bits reserve two bytes a weight and leave a quarter unused.
    /// </summary>
    public long Bytes => _matrices.Bytes + _vectors.Bytes;

    /// <summary>The token embedding, (vocabulary, width), if it is not tied to the head; else null.</summary>
    private float* Embedding { get; set; }

    /// <summary>The format of matrices for a dtype. A matrix whose weights do not fit it gets a wider one.</summary>
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

    /// <summary>Copies the embedding of a token, (width). A tied embedding has the precision of the head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Embed(int token, float* destination)
    {
        var width = Config.EmbeddingSize;
        if (Embedding is not null)
        {
            new ReadOnlySpan<float>(Embedding + ((nint)token * width), width)
                .CopyTo(new Span<float>(destination, width));
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
        _matrices.Dispose();
        _vectors.Dispose();
    }

    private static long RoundUpToPage(long bytes) => (bytes + 4095) & ~4095L;

    /// <summary>Rounds a number of floats up to 16: every vector begins at a multiple of 64 bytes.</summary>
    private static long RoundUpTo16(long floats) => (floats + 15) & ~15L;

    /// <summary>Takes memory for a vector.</summary>
    private float* Take(long floats)
    {
        var taken = _nextVector;
        _nextVector += RoundUpTo16(floats);
        return taken;
    }

    /// <summary>Assigns memory to every tensor and lists the jobs that read them.</summary>
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
            PlanLinear(
                layer.Projection, checkpoint[block + "attn.c_proj.weight"], checkpoint[block + "attn.c_proj.bias"]);
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
        _jobs.Add(new(null, 0, _ => ReadFloats(tensor, destination, 0, tensor.ElementCount)));
        return destination;
    }

    /// <summary>
    /// Plans HuggingFace's Conv1D, (inputs, outputs). It is K-major like a panel, so it needs no transposition.
    /// </summary>
    private void PlanLinear(PackedMatrix matrix, CheckpointTensor weight, CheckpointTensor bias)
    {
        var outputs = matrix.Parts * matrix.PartOutputs;
        for (var first = 0; first < matrix.Inputs; first += JobInputs)
        {
            var (start, count) = (first, Math.Min(JobInputs, matrix.Inputs - first));
            _jobs.Add(new(
                matrix,
                (long)JobInputs * outputs,
                buffer =>
                {
                    var source = (float*)buffer.Pointer;
                    ReadFloats(weight, source, (long)start * outputs, (long)count * outputs);
                    for (var panel = 0; panel < matrix.Panels; panel++)
                    {
                        var (part, output, lanes) = matrix.Outputs(panel);
                        var from = source + (part * matrix.PartOutputs) + output;
                        WeightPacking.Pack(matrix, panel, start, count, from, outputs, lanes);
                    }
                }));
        }

        _jobs.Add(new(
            null,
            0,
            _ =>
            {
                for (var panel = 0; panel < matrix.Panels; panel++)
                {
                    var (part, output, lanes) = matrix.Outputs(panel);
                    var start = (part * matrix.PartOutputs) + output;
                    ReadFloats(bias, matrix.Bias + (panel * Width), start, lanes);
                }
            }));
    }

    /// <summary>Plans the head, (outputs, inputs), which is transposed 32 outputs at a time.</summary>
    private void PlanHead(CheckpointTensor weight)
    {
        const int PanelsPerJob = 8;
        for (var first = 0; first < Head.Panels; first += PanelsPerJob)
        {
            var (start, end) = (first, Math.Min(Head.Panels, first + PanelsPerJob));
            _jobs.Add(new(
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

    /// <summary>Transposes (rows, columns) to (columns, 32), in runs of 16 columns that fit the cache.</summary>
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

    /// <summary>Runs all jobs, then packs again the matrices that need a wider format.</summary>
    private void RunJobs(int threads, CancellationToken cancellationToken)
    {
        Run(_jobs, threads, cancellationToken);
        if (Array.FindAll([.. Matrices], matrix => matrix.NeedsWiderFormat) is { Length: > 0 } unfit)
        {
            foreach (var matrix in unfit)
            {
                matrix.UseBFloat16();
            }

            Run(
                _jobs.FindAll(job => job.Matrix is { } matrix && Array.IndexOf(unfit, matrix) >= 0),
                threads,
                cancellationToken);
        }

        _jobs.Clear();
    }

    /// <summary>
    /// Runs jobs on <paramref name="threads"/> threads. Jobs of a matrix that already needs a wider format are skipped.
    /// </summary>
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
                    if (jobs[job].Matrix is not { NeedsWiderFormat: true })
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

        var helpers = Enumerable.Range(1, Math.Min(threads, jobs.Count) - 1)
            .Select(_ => new Thread(Work) { IsBackground = true })
            .ToArray();
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

    /// <summary>A part of loading that any thread can run.</summary>
    /// <param name="Matrix">The matrix that it packs; null if it reads a vector.</param>
    /// <param name="Floats">The floats that its buffer must hold.</param>
    /// <param name="Run">Reads and packs, with that buffer as scratch memory.</param>
    private sealed record Job(PackedMatrix? Matrix, long Floats, Action<NativeBuffer> Run);
}
