using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>
/// One step of the model as phases: the embedding; for every layer a norm, the product to queries, keys and values,
/// attention, the projection, a norm and the two products of the MLP; the final norm; the head.
/// </summary>
/// <remarks>
/// A late thread may call <see cref="Compute"/> for a phase of an earlier step (see <see cref="IPhasedWork.Compute"/>).
/// So this class reads each value of the step once. Buffers never move, and indices stay inside them for any
/// combination of values of two steps.
/// </remarks>
internal sealed unsafe partial class StepWork : IPhasedWork
{
    /// <summary>Up to this many rows, memory limits the speed of a product; with more rows, arithmetic does.</summary>
    private const int FewRows = 16;

    private readonly Weights _weights;
    private readonly Scratch _scratch;
    private readonly KvPool _pool;
    private readonly KernelSet _kernels;
    private readonly int _threads;
    private readonly Phase[] _phases;

    // Per phase: the next phase that multiplies with a matrix. After the last one it is the first of the next step.
    private readonly int[] _nextProduct;
    private float* _logits;

    public StepWork(Weights weights, Scratch scratch, KvPool pool, KernelSet kernels, int threads)
    {
        _weights = weights;
        _scratch = scratch;
        _pool = pool;
        _kernels = kernels;
        _threads = threads;
        _phases = [.. Plan(weights)];
        _nextProduct = new int[_phases.Length];
        for (int i = _phases.Length - 1, next = Array.FindIndex(_phases, IsProduct); i >= 0; i--)
        {
            _nextProduct[i] = next;
            next = IsProduct(_phases[i]) ? i : next;
        }
    }

    private enum Kind
    {
        Embed,
        Norm1,
        Qkv,
        Attend,
        QuantizeAttended,
        Project,
        Norm2,
        Up,
        QuantizeHidden,
        Down,
        FinalNorm,
        Head,
    }

    public int PhaseCount { get; private set; }

    /// <summary>The most tasks of a phase, over all steps.</summary>
    public int MostTasks
    {
        get
        {
            var blocks = Blocks(_scratch.MaxTokens).Count;
            var products = _weights.Matrices.Max(matrix => matrix.Panels * blocks);
            return Math.Max(products, _scratch.MaxTokens * _weights.Config.HeadCount);
        }
    }

    /// <summary>
    /// Prepares to run the step that the scratch memory describes. If it wants no logits, it ends after the last layer.
    /// </summary>
    /// <param name="destination">Receives (wanted, vocabulary).</param>
    public void Begin(float* destination)
    {
        _logits = destination;
        PhaseCount = _scratch.WantedCount == 0 ? _phases.Length - 2 : _phases.Length;
    }

    public int TaskCount(int phase)
    {
        var (kind, layer) = _phases[phase];
        return kind switch
        {
            Kind.Attend => AttentionTasks().Tasks,
            Kind.FinalNorm => Chunks(_scratch.WantedCount),
            Kind.Head => Products(_weights.Head, _scratch.WantedCount).Tasks,
            Kind.Qkv or Kind.Project or Kind.Up or Kind.Down =>
                Products(Matrix(kind, layer), _scratch.TokenCount).Tasks,
            _ => Chunks(_scratch.TokenCount),
        };
    }

    public void Compute(int phase, int task, Workspace workspace)
    {
        var (kind, layer) = _phases[phase];
        switch (kind)
        {
            case Kind.Attend:
                Attend(layer, task, workspace);
                break;
            case Kind.Qkv or Kind.Project or Kind.Up or Kind.Down or Kind.Head:
                Multiply(kind, layer, Matrix(kind, layer), task, workspace);
                break;
            default:
                ComputeRows(kind, layer, task, workspace);
                break;
        }
    }

    public void Publish(int phase, int task, Workspace workspace)
    {
        var (kind, layer) = _phases[phase];
        switch (kind)
        {
            case Kind.Attend:
                PublishAttended(task, workspace);
                break;
            case Kind.Qkv or Kind.Project or Kind.Up or Kind.Down or Kind.Head:
                PublishProducts(kind, layer, task, workspace);
                break;
            default:
                PublishRows(kind, layer, task, workspace);
                break;
        }
    }

    /// <summary>
    /// Prefetches the beginning of the panels that the thread multiplies with next, a kilobyte a call, 32 KiB at most.
    /// Without this, memory would be idle while threads wait between two products.
    /// </summary>
    public void Anticipate(int phase, int thread, int threads, int call)
    {
        const int CallBytes = 1024, Most = 32 * CallBytes;
        if (_scratch.TokenCount > FewRows || call >= Most / CallBytes)
        {
            return;
        }

        var (kind, layer) = _phases[_nextProduct[phase]];
        var matrix = Matrix(kind, layer);
        var rows = kind == Kind.Head ? _scratch.WantedCount : _scratch.TokenCount;
        var (tasks, blocks, _, panelsPerTask) = Products(matrix, rows);
        var panel = ThreadTeam.FirstTask(thread, threads, tasks) / blocks * panelsPerTask;
        if (panel < matrix.Panels)
        {
            var from = matrix.Panel(panel) + (call * CallBytes);
            for (var i = 0; i < CallBytes; i += Prefetch.CacheLine)
            {
                Prefetch.Line(from + i);
            }
        }
    }

    private static IEnumerable<Phase> Plan(Weights weights)
    {
        yield return new(Kind.Embed, 0);
        for (var layer = 0; layer < weights.Layers.Length; layer++)
        {
            var quantized = weights.Layers[layer].Qkv.Quantized;
            yield return new(Kind.Norm1, layer);
            yield return new(Kind.Qkv, layer);
            yield return new(Kind.Attend, layer);
            if (quantized)
            {
                yield return new(Kind.QuantizeAttended, layer);
            }

            yield return new(Kind.Project, layer);
            yield return new(Kind.Norm2, layer);
            yield return new(Kind.Up, layer);
            if (quantized)
            {
                yield return new(Kind.QuantizeHidden, layer);
            }

            yield return new(Kind.Down, layer);
        }

        yield return new(Kind.FinalNorm, 0);
        yield return new(Kind.Head, 0);
    }

    private static bool IsProduct(Phase phase) =>
        phase.Kind is Kind.Qkv or Kind.Project or Kind.Up or Kind.Down or Kind.Head;

    private static int Chunks(int rows) => (rows + Workspace.Rows - 1) / Workspace.Rows;

    /// <summary>The matrix of a product, or the matrix that the output of a norm or quantization is for.</summary>
    private PackedMatrix Matrix(Kind kind, int layer) => kind switch
    {
        Kind.Qkv or Kind.Norm1 => _weights.Layers[layer].Qkv,
        Kind.Project or Kind.QuantizeAttended => _weights.Layers[layer].Projection,
        Kind.Up or Kind.Norm2 => _weights.Layers[layer].Up,
        Kind.Down or Kind.QuantizeHidden => _weights.Layers[layer].Down,
        _ => _weights.Head,
    };

    private void ComputeRows(Kind kind, int layer, int task, Workspace workspace)
    {
        var config = _weights.Config;
        var total = kind == Kind.FinalNorm ? _scratch.WantedCount : _scratch.TokenCount;
        var rows = Math.Min(Workspace.Rows, total - (task * Workspace.Rows));
        for (var i = 0; i < rows; i++)
        {
            var row = (task * Workspace.Rows) + i;
            var to = workspace.Tile + (i * (long)(kind == Kind.QuantizeHidden ? _scratch.Inner : _scratch.Width));
            switch (kind)
            {
                case Kind.Embed:
                    _weights.Embed(_scratch.Tokens[row], to);
                    var position = _weights.Positions + ((long)_scratch.Positions[row] * config.EmbeddingSize);
                    for (var j = 0; j < config.EmbeddingSize; j++)
                    {
                        to[j] += position[j];
                    }

                    continue;
                case Kind.Norm1 or Kind.Norm2 or Kind.FinalNorm:
                    var token = kind == Kind.FinalNorm ? _scratch.Wanted[row] : row;
                    var from = _scratch.Residual + ((long)token * _scratch.Width);
                    var weight = kind switch
                    {
                        Kind.Norm1 => _weights.Layers[layer].Norm1Weight,
                        Kind.Norm2 => _weights.Layers[layer].Norm2Weight,
                        _ => _weights.FinalNormWeight,
                    };
                    var bias = kind switch
                    {
                        Kind.Norm1 => _weights.Layers[layer].Norm1Bias,
                        Kind.Norm2 => _weights.Layers[layer].Norm2Bias,
                        _ => _weights.FinalNormBias,
                    };
                    _kernels.LayerNorm(from, weight, bias, config.LayerNormEpsilon, config.EmbeddingSize, to);
                    new Span<float>(to + config.EmbeddingSize, _scratch.Width - config.EmbeddingSize).Clear();
                    break;
                case Kind.QuantizeAttended:
                    to = _scratch.Attended + ((long)row * _scratch.Width);
                    break;
                default:
                    to = _scratch.Hidden + ((long)row * _scratch.Inner);
                    break;
            }

            var matrix = Matrix(kind, layer);
            if (matrix.Quantized)
            {
                _kernels.Quantize(workspace.Quantized(matrix), to, i, matrix.Group, matrix.Offset);
            }
        }
    }

    private void PublishRows(Kind kind, int layer, int task, Workspace workspace)
    {
        var total = kind == Kind.FinalNorm ? _scratch.WantedCount : _scratch.TokenCount;
        var rows = Math.Min(Workspace.Rows, total - (task * Workspace.Rows));
        long first = task * Workspace.Rows;
        var matrix = Matrix(kind, layer);
        if (kind != Kind.Embed && matrix.Quantized)
        {
            workspace.Quantized(matrix).CopyTo(_scratch.Quantized(matrix), (int)first, rows);
            return;
        }

        var to = (kind == Kind.Embed ? _scratch.Residual : _scratch.Normed) + (first * _scratch.Width);
        var floats = rows * _scratch.Width;
        new ReadOnlySpan<float>(workspace.Tile, floats).CopyTo(new Span<float>(to, floats));
    }

    private readonly record struct Phase(Kind Kind, int Layer);
}
