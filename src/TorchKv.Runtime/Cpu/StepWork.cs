using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>One step as phases: embedding; per layer norm, queries-keys-values, attention, projection, norm, up, down; final norm, head.</summary>
/// <remarks>
/// <see cref="Compute"/> may be called by a late thread with a phase of an earlier step (see <see cref="IPhasedWork"/>). So it
/// reads each quantity of the step once, and whatever mixture it reads, indices stay inside the buffers, which do not move.
/// </remarks>
internal sealed unsafe partial class StepWork : IPhasedWork
{
    /// <summary>Rows up to which a product waits for memory rather than for arithmetic.</summary>
    private const int FewRows = 16;

    private readonly Weights weights;
    private readonly Scratch scratch;
    private readonly KvPool pool;
    private readonly KernelSet kernels;
    private readonly int threads;
    private readonly Phase[] phases;

    // Per phase: the next one that multiplies by a matrix; after the last one, the next step's first.
    private readonly int[] nextProduct;
    private float* logits;

    public StepWork(Weights weights, Scratch scratch, KvPool pool, KernelSet kernels, int threads)
    {
        this.weights = weights;
        this.scratch = scratch;
        this.pool = pool;
        this.kernels = kernels;
        this.threads = threads;
        phases = [.. Plan(weights)];
        nextProduct = new int[phases.Length];
        for (int i = phases.Length - 1, next = Array.FindIndex(phases, IsProduct); i >= 0; i--)
        {
            nextProduct[i] = next;
            next = IsProduct(phases[i]) ? i : next;
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

    /// <summary>The most tasks that a phase can have.</summary>
    public int MostTasks
    {
        get
        {
            var blocks = Blocks(scratch.MaxTokens).Count;
            var products = weights.Matrices.Max(matrix => matrix.Panels * blocks);
            return Math.Max(products, scratch.MaxTokens * weights.Config.HeadCount);
        }
    }

    /// <summary>Takes what the scratch holds as the step to run. Without wanted logits the step ends after the last layer.</summary>
    public void Begin(float* destination)
    {
        logits = destination;
        PhaseCount = scratch.WantedCount == 0 ? phases.Length - 2 : phases.Length;
    }

    public int TaskCount(int phase)
    {
        var (kind, layer) = phases[phase];
        return kind switch
        {
            Kind.Attend => AttentionTasks().Tasks,
            Kind.FinalNorm => Chunks(scratch.WantedCount),
            Kind.Head => Products(weights.Head, scratch.WantedCount).Tasks,
            Kind.Qkv or Kind.Project or Kind.Up or Kind.Down => Products(Matrix(kind, layer), scratch.TokenCount).Tasks,
            _ => Chunks(scratch.TokenCount),
        };
    }

    public void Compute(int phase, int task, Workspace workspace)
    {
        var (kind, layer) = phases[phase];
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
        var (kind, layer) = phases[phase];
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
    /// Fetches the beginning of the panels that the thread multiplies by next, a kilobyte a call. Between two products a thread waits for
    /// the others, or all wait for one that norms a row; memory would idle.
    /// </summary>
    public void Anticipate(int phase, int thread, int threads, int call)
    {
        const int CallBytes = 1024, Most = 32 * CallBytes;
        if (scratch.TokenCount > FewRows || call >= Most / CallBytes)
        {
            return;
        }

        var (kind, layer) = phases[nextProduct[phase]];
        var matrix = Matrix(kind, layer);
        var (tasks, blocks, _, run) = Products(matrix, kind == Kind.Head ? scratch.WantedCount : scratch.TokenCount);
        var panel = ThreadTeam.FirstTask(thread, threads, tasks) / blocks * run;
        if (panel < matrix.Panels)
        {
            var from = matrix.Panel(panel) + (call * CallBytes);
            for (var i = 0; i < CallBytes; i += Fetch.CacheLine)
            {
                Fetch.Line(from + i);
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

    private static bool IsProduct(Phase phase) => phase.Kind is Kind.Qkv or Kind.Project or Kind.Up or Kind.Down or Kind.Head;

    private static int Chunks(int rows) => (rows + Workspace.Rows - 1) / Workspace.Rows;

    private PackedMatrix Matrix(Kind kind, int layer) => kind switch
    {
        Kind.Qkv or Kind.Norm1 => weights.Layers[layer].Qkv,
        Kind.Project or Kind.QuantizeAttended => weights.Layers[layer].Projection,
        Kind.Up or Kind.Norm2 => weights.Layers[layer].Up,
        Kind.Down or Kind.QuantizeHidden => weights.Layers[layer].Down,
        _ => weights.Head,
    };

    private void ComputeRows(Kind kind, int layer, int task, Workspace workspace)
    {
        var config = weights.Config;
        var rows = Math.Min(Workspace.Rows, (kind == Kind.FinalNorm ? scratch.WantedCount : scratch.TokenCount) - (task * Workspace.Rows));
        for (var i = 0; i < rows; i++)
        {
            var row = (task * Workspace.Rows) + i;
            var to = workspace.Tile + (i * (long)(kind == Kind.QuantizeHidden ? scratch.Inner : scratch.Width));
            switch (kind)
            {
                case Kind.Embed:
                    weights.Embed(scratch.Tokens[row], to);
                    var position = weights.Positions + ((long)scratch.Positions[row] * config.EmbeddingSize);
                    for (var j = 0; j < config.EmbeddingSize; j++)
                    {
                        to[j] += position[j];
                    }

                    continue;
                case Kind.Norm1 or Kind.Norm2 or Kind.FinalNorm:
                    var from = scratch.Residual + ((long)(kind == Kind.FinalNorm ? scratch.Wanted[row] : row) * scratch.Width);
                    var (weight, bias) = kind switch
                    {
                        Kind.Norm1 => (Ref.Of(weights.Layers[layer].Norm1Weight), Ref.Of(weights.Layers[layer].Norm1Bias)),
                        Kind.Norm2 => (Ref.Of(weights.Layers[layer].Norm2Weight), Ref.Of(weights.Layers[layer].Norm2Bias)),
                        _ => (Ref.Of(weights.FinalNormWeight), Ref.Of(weights.FinalNormBias)),
                    };
                    kernels.LayerNorm(from, weight.Pointer, bias.Pointer, config.LayerNormEpsilon, config.EmbeddingSize, to);
                    new Span<float>(to + config.EmbeddingSize, scratch.Width - config.EmbeddingSize).Clear();
                    break;
                case Kind.QuantizeAttended:
                    to = scratch.Attended + ((long)row * scratch.Width);
                    break;
                default:
                    to = scratch.Hidden + ((long)row * scratch.Inner);
                    break;
            }

            var matrix = Matrix(kind, layer);
            if (matrix.Quantized)
            {
                kernels.Quantize(workspace.Quantized(matrix), to, i, matrix.Group, matrix.Offset);
            }
        }
    }

    private void PublishRows(Kind kind, int layer, int task, Workspace workspace)
    {
        var rows = Math.Min(Workspace.Rows, (kind == Kind.FinalNorm ? scratch.WantedCount : scratch.TokenCount) - (task * Workspace.Rows));
        long first = task * Workspace.Rows;
        var matrix = Matrix(kind, layer);
        if (kind != Kind.Embed && matrix.Quantized)
        {
            workspace.Quantized(matrix).CopyTo(scratch.Quantized(matrix), (int)first, rows);
            return;
        }

        var to = (kind == Kind.Embed ? scratch.Residual : scratch.Normed) + (first * scratch.Width);
        new ReadOnlySpan<float>(workspace.Tile, rows * scratch.Width).CopyTo(new Span<float>(to, rows * scratch.Width));
    }

    private readonly record struct Phase(Kind Kind, int Layer);

    /// <summary>A pointer where the language wants a type argument.</summary>
    private readonly struct Ref(float* pointer)
    {
        public float* Pointer { get; } = pointer;

        public static Ref Of(float* pointer) => new(pointer);
    }
}
