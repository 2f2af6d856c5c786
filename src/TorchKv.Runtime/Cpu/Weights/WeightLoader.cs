using System.Globalization;
using System.Runtime.CompilerServices;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Cpu.Weights;

/// <summary>
/// Reads a checkpoint into <see cref="Gpt2Weights"/>: places every tensor in memory and lists the jobs that read and
/// pack them, which several threads then run.
/// </summary>
internal sealed unsafe class WeightLoader
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>Inputs of one packing job: a multiple of the group of every format.</summary>
    private const int JobInputs = 128;

    private readonly Checkpoint _checkpoint;
    private readonly Gpt2Config _config;
    private readonly List<LoadingJob> _jobs = [];
    private WeightMemory _memory = null!;

    private WeightLoader(Checkpoint checkpoint)
    {
        _checkpoint = checkpoint;
        _config = checkpoint.Config;
    }

    /// <summary>Reads and packs a checkpoint.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="format">The format of matrices. A matrix whose weights do not fit it gets a wider one.</param>
    /// <param name="threads">The threads that read and pack.</param>
    /// <param name="cancellationToken">Ends the loading within a part of a matrix.</param>
    /// <exception cref="CheckpointException">The file cannot be read.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public static Gpt2Weights Load(
        Checkpoint checkpoint, WeightFormat format, int threads, CancellationToken cancellationToken)
    {
        var loader = new WeightLoader(checkpoint);
        try
        {
            var weights = loader.Plan(format);
            LoadingJobs.RunAll(loader._jobs, threads, cancellationToken);
            return weights;
        }
        catch
        {
            loader._memory?.Dispose();
            throw;
        }
    }

    /// <summary>Assigns memory to every tensor and lists the jobs that read them.</summary>
    private Gpt2Weights Plan(WeightFormat format)
    {
        int width = _config.EmbeddingSize, inner = _config.InnerSize;
        var layers = Enumerable.Range(0, _config.LayerCount)
            .Select(_ => (
                Qkv: new PackedMatrix(format, width, 3, width),
                Projection: new PackedMatrix(format, width, 1, width),
                Up: new PackedMatrix(format, width, 1, inner),
                Down: new PackedMatrix(format, inner, 1, width)))
            .ToArray();

        // The head has six bits because its errors cost most: it decides between similar tokens, and as the tied
        // embedding it feeds every layer. llama.cpp does the same.
        var headFormat = format == WeightFormat.Int4 ? WeightFormat.Int6 : format;
        var head = new PackedMatrix(headFormat, width, 1, _config.VocabSize);
        _memory = new WeightMemory(
            [.. layers.SelectMany(layer => new[] { layer.Qkv, layer.Projection, layer.Up, layer.Down }), head],
            Vectors());
        PlanHead(head, _checkpoint[_config.TieWordEmbeddings ? Gpt2Tensors.TokenEmbedding : Gpt2Tensors.Head]);
        return new Gpt2Weights
        {
            Config = _config,
            Memory = _memory,
            Head = head,
            Embedding = _config.TieWordEmbeddings ? null : PlanVector(Gpt2Tensors.TokenEmbedding),
            Layers = [.. layers.Select((layer, i) => PlanLayer(i, layer.Qkv, layer.Projection, layer.Up, layer.Down))],
            Positions = PlanVector("transformer.wpe.weight"),
            FinalNorm = PlanNorm("transformer.ln_f"),
        };
    }

    /// <summary>The floats of every vector: the LayerNorms and the embeddings.</summary>
    private IEnumerable<long> Vectors()
    {
        long width = _config.EmbeddingSize;
        var norms = (2 * _config.LayerCount) + 1;
        var embedding = _config.TieWordEmbeddings ? 0 : _config.VocabSize * width;
        return Enumerable.Repeat(width, 2 * norms).Append(_config.ContextLength * width).Append(embedding);
    }

    private LayerWeights PlanLayer(
        int layer, PackedMatrix qkv, PackedMatrix projection, PackedMatrix up, PackedMatrix down)
    {
        var block = string.Create(CultureInfo.InvariantCulture, $"transformer.h.{layer}.");
        PlanLinear(qkv, block + "attn.c_attn");
        PlanLinear(projection, block + "attn.c_proj");
        PlanLinear(up, block + "mlp.c_fc");
        PlanLinear(down, block + "mlp.c_proj");
        return new LayerWeights
        {
            Norm1 = PlanNorm(block + "ln_1"),
            Qkv = qkv,
            Projection = projection,
            Norm2 = PlanNorm(block + "ln_2"),
            Up = up,
            Down = down,
        };
    }

    private NormWeights PlanNorm(string name) => new(PlanVector(name + ".weight"), PlanVector(name + ".bias"));

    private float* PlanVector(string name)
    {
        var tensor = _checkpoint[name];
        var destination = _memory.TakeVector(tensor.ElementCount);
        _jobs.Add(new(null, 0, _ => ReadFloats(tensor, destination, 0, tensor.ElementCount)));
        return destination;
    }

    /// <summary>
    /// Plans HuggingFace's Conv1D, (inputs, outputs). It is K-major like a panel, so it needs no transposition.
    /// </summary>
    private void PlanLinear(PackedMatrix matrix, string name)
    {
        CheckpointTensor weight = _checkpoint[name + ".weight"], bias = _checkpoint[name + ".bias"];
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
    private void PlanHead(PackedMatrix head, CheckpointTensor weight)
    {
        const int PanelsPerJob = 8;
        for (var first = 0; first < head.Panels; first += PanelsPerJob)
        {
            var (start, end) = (first, Math.Min(head.Panels, first + PanelsPerJob));
            _jobs.Add(new(
                head,
                2L * Width * head.Inputs,
                buffer =>
                {
                    var source = (float*)buffer.Pointer;
                    var transposed = source + ((long)Width * head.Inputs);
                    for (var panel = start; panel < end; panel++)
                    {
                        var (_, output, lanes) = head.Outputs(panel);
                        ReadFloats(weight, source, (long)output * head.Inputs, (long)lanes * head.Inputs);
                        Transpose(source, lanes, head.Inputs, transposed);
                        WeightPacking.Pack(head, panel, 0, head.Inputs, transposed, Width, lanes);
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
}
