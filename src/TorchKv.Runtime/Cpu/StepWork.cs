using System.Numerics;
using System.Runtime.Intrinsics.X86;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>One step as phases: embedding; per layer norm, queries-keys-values, attention, projection, norm, up, down; final norm, head.</summary>
/// <remarks>
/// <see cref="Compute"/> may be called by a late thread with a phase of an earlier step (see <see cref="IPhasedWork"/>). So it
/// reads each quantity of the step once, and whatever mixture it reads, indices stay inside the buffers, which do not move.
/// </remarks>
internal sealed unsafe class StepWork : IPhasedWork
{
    /// <summary>Rows up to which a product waits for memory rather than for arithmetic.</summary>
    private const int FewRows = 16;

    private const int CacheLine = 64;

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
        if (!Sse.IsSupported || scratch.TokenCount > FewRows || call >= Most / CallBytes)
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
            for (var i = 0; i < CallBytes; i += CacheLine)
            {
                Sse.Prefetch1(from + i);
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

    /// <summary>Rows in blocks of equal size, a multiple of six unless there is one.</summary>
    private static (int Count, int Rows) Blocks(int rows)
    {
        if (rows <= Tiles.Rows)
        {
            // At least one: a late thread may find the count of a step that wants no logits.
            return (1, Math.Max(rows, 1));
        }

        var count = (rows + Workspace.ProductRows - 1) / Workspace.ProductRows;
        var size = (((rows + count - 1) / count) + Tiles.Rows - 1) / Tiles.Rows * Tiles.Rows;
        return ((rows + size - 1) / size, size);
    }

    /// <summary>
    /// A product's tasks: runs of panels × blocks of rows. Few rows: some tasks for each thread, so that the last ones end together,
    /// but not so many that claiming shows. Which panels go together changes no result.
    /// </summary>
    private (int Tasks, int BlockCount, int BlockRows, int PanelsPerTask) Products(PackedMatrix matrix, int rows)
    {
        var (count, size) = Blocks(rows);
        var padded = Tiles.PaddedRows(size);
        var most = Workspace.TileFloats / (padded * PackedMatrix.PanelWidth);
        var run = Math.Clamp(matrix.Panels / (threads * 8), 1, most);
        return ((matrix.Panels + run - 1) / run * count, count, size, run);
    }

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

    private void Multiply(Kind kind, int layer, PackedMatrix matrix, int task, Workspace workspace)
    {
        var rows = kind == Kind.Head ? scratch.WantedCount : scratch.TokenCount;
        var (_, blocks, size, run) = Products(matrix, rows);
        var first = task % blocks * size;
        var count = Math.Min(size, rows - first);
        if (count <= 0)
        {
            return;
        }

        var (x, ldx) = kind switch
        {
            Kind.Project => (Ref.Of(scratch.Attended), scratch.Width),
            Kind.Down => (Ref.Of(scratch.Hidden), scratch.Inner),
            _ => (Ref.Of(scratch.Normed), scratch.Width),
        };
        var padded = Tiles.PaddedRows(count);
        var tile = workspace.Tile;
        var end = Math.Min(matrix.Panels, ((task / blocks) + 1) * run);
        for (var panel = task / blocks * run; panel < end; panel++)
        {
            if (kind == Kind.Qkv && count <= FewRows)
            {
                FetchCacheLines(layer, matrix, panel, first, count);
            }

            kernels.Multiply(matrix, panel, x.Pointer, ldx, scratch.Quantized(matrix), first, count, tile);
            kernels.AddBias(tile, count, matrix.Bias + (panel * PackedMatrix.PanelWidth));
            if (kind == Kind.Up)
            {
                kernels.Activate(weights.Config.Activation, tile, count * PackedMatrix.PanelWidth);
            }

            tile += padded * PackedMatrix.PanelWidth;
        }
    }

    private void PublishProducts(Kind kind, int layer, int task, Workspace workspace)
    {
        var matrix = Matrix(kind, layer);
        var rows = kind == Kind.Head ? scratch.WantedCount : scratch.TokenCount;
        var (_, blocks, size, run) = Products(matrix, rows);
        var first = task % blocks * size;
        var count = Math.Min(size, rows - first);
        var padded = Tiles.PaddedRows(count);
        var tile = workspace.Tile;
        var end = Math.Min(matrix.Panels, ((task / blocks) + 1) * run);
        for (var panel = task / blocks * run; panel < end; panel++)
        {
            var (part, output, lanes) = matrix.Outputs(panel);
            for (var i = 0; i < count; i++)
            {
                var from = new ReadOnlySpan<float>(tile + (i * PackedMatrix.PanelWidth), lanes);
                long row = first + i;
                switch (kind)
                {
                    case Kind.Qkv when part == 0:
                        from.CopyTo(new Span<float>(scratch.Queries + (row * scratch.Width) + output, lanes));
                        break;
                    case Kind.Qkv:
                        Store(layer, (int)row, part == 1, output, from);
                        break;
                    case Kind.Up:
                        from.CopyTo(new Span<float>(scratch.Hidden + (row * scratch.Inner) + output, lanes));
                        break;
                    case Kind.Head:
                        from.CopyTo(new Span<float>(logits + (row * weights.Config.VocabSize) + output, lanes));
                        break;
                    default:
                        var to = new Span<float>(scratch.Residual + (row * scratch.Width) + output, lanes);
                        Add(to, from);
                        break;
                }
            }

            tile += padded * PackedMatrix.PanelWidth;
        }
    }

    private static void Add(Span<float> to, ReadOnlySpan<float> from)
    {
        var j = 0;
        for (; j + Vector<float>.Count <= to.Length; j += Vector<float>.Count)
        {
            (new Vector<float>(to[j..]) + new Vector<float>(from[j..])).CopyTo(to[j..]);
        }

        for (; j < to.Length; j++)
        {
            to[j] += from[j];
        }
    }

    /// <summary>Fetches what <see cref="Store(int, int, bool, int, ReadOnlySpan{float})"/> will write: a key's dimensions are a cache line apart, and come from memory one by one.</summary>
    private void FetchCacheLines(int layer, PackedMatrix matrix, int panel, int first, int count)
    {
        var layout = pool.Layout;
        var (part, output, lanes) = matrix.Outputs(panel);
        for (var token = first; part > 0 && token < first + count; token++)
        {
            var block = pool.Layer(layer) + ((long)scratch.Blocks[token] * layout.Bytes);
            if (part == 1)
            {
                Fetch.Lines(block + ((long)output * KvLayout.BlockSize * layout.ElementBytes), lanes * KvLayout.BlockSize * layout.ElementBytes);
                continue;
            }

            var (head, dimension) = Math.DivRem(output, layout.HeadDim);
            var row = (head * KvLayout.BlockSize) + (scratch.Positions[token] % KvLayout.BlockSize);
            Fetch.Lines(block + layout.ValuesAt + ((((long)row * layout.ValueStride) + dimension) * layout.ElementBytes), lanes * layout.ElementBytes);
        }
    }

    /// <summary>A token's keys or values of consecutive outputs into its block.</summary>
    private void Store(int layer, int token, bool keys, int output, ReadOnlySpan<float> from)
    {
        var layout = pool.Layout;
        var block = pool.Layer(layer) + ((long)scratch.Blocks[token] * layout.Bytes);
        var slot = scratch.Positions[token] % KvLayout.BlockSize;
        if (keys)
        {
            Store(from, block, (output * KvLayout.BlockSize) + slot, KvLayout.BlockSize);
            return;
        }

        block += layout.ValuesAt;
        for (int j = 0, run; j < from.Length; j += run)
        {
            var (head, dimension) = Math.DivRem(output + j, layout.HeadDim);
            run = Math.Min(from.Length - j, layout.HeadDim - dimension);
            Store(from.Slice(j, run), block, (((head * KvLayout.BlockSize) + slot) * layout.ValueStride) + dimension, 1);
        }
    }

    private void Store(ReadOnlySpan<float> from, byte* to, nint first, nint stride)
    {
        if (pool.Layout.ElementBytes == sizeof(float))
        {
            var floats = (float*)to + first;
            foreach (var value in from)
            {
                *floats = value;
                floats += stride;
            }

            return;
        }

        var halves = (ushort*)to + first;
        foreach (var value in from)
        {
            *halves = BFloat16.Round(value);
            halves += stride;
        }
    }

    /// <summary>
    /// Attention's tasks: a chunk of queries × a run of heads. Where sequences are many and short a head takes no longer than claiming it.
    /// </summary>
    private (int Tasks, int Runs, int Heads) AttentionTasks()
    {
        const int MostHeads = 4, TasksPerThread = 32;
        int heads = weights.Config.HeadCount, chunks = scratch.ChunkCount;
        var fit = Workspace.TileFloats / (Workspace.Queries * pool.Layout.ValueStride);
        var run = Math.Max(1, Math.Min(Math.Min(MostHeads, fit), chunks * heads / (threads * TasksPerThread)));
        var runs = (heads + run - 1) / run;
        return (chunks * runs, runs, run);
    }

    private void Attend(int layer, int task, Workspace workspace)
    {
        var config = weights.Config;
        var layout = pool.Layout;
        var (_, runs, heads) = AttentionTasks();
        if (task / runs >= scratch.MaxTokens)
        {
            return; // a late thread's task of a step that was cut up another way
        }

        var chunk = scratch.Chunks[task / runs];
        var row = scratch.Rows[chunk.Row];
        var position = row.Position + chunk.Start;
        var first = row.FirstToken + chunk.Start;
        if (first + chunk.Count > scratch.MaxTokens || position + chunk.Count > config.ContextLength)
        {
            return;
        }

        var tile = workspace.Tile;
        var head = task % runs * heads;
        for (var end = Math.Min(config.HeadCount, head + heads); head < end; head++)
        {
            fixed (int* table = &scratch.Tables[row.Table])
            {
                for (var i = 0; i < chunk.Count; i += Tiles.Rows)
                {
                    kernels.Attend(
                        layout,
                        pool.Layer(layer),
                        table,
                        head,
                        scratch.Queries + ((long)(first + i) * scratch.Width) + (head * config.HeadDim),
                        scratch.Width,
                        Math.Min(Tiles.Rows, chunk.Count - i),
                        position + i,
                        config.AttentionScale(layer),
                        head + 1 < config.HeadCount,
                        workspace.Scores,
                        workspace.ScoreStride,
                        tile + (i * layout.ValueStride));
                }
            }

            tile += Workspace.Queries * layout.ValueStride;
        }
    }

    private void PublishAttended(int task, Workspace workspace)
    {
        var config = weights.Config;
        var (_, runs, heads) = AttentionTasks();
        var chunk = scratch.Chunks[task / runs];
        var tile = workspace.Tile;
        var head = task % runs * heads;
        for (var end = Math.Min(config.HeadCount, head + heads); head < end; head++)
        {
            for (var i = 0; i < chunk.Count; i++)
            {
                long token = scratch.Rows[chunk.Row].FirstToken + chunk.Start + i;
                new ReadOnlySpan<float>(tile + (i * pool.Layout.ValueStride), config.HeadDim)
                    .CopyTo(new Span<float>(scratch.Attended + (token * scratch.Width) + (head * config.HeadDim), config.HeadDim));
            }

            tile += Workspace.Queries * pool.Layout.ValueStride;
        }
    }

    private readonly record struct Phase(Kind Kind, int Layer);

    /// <summary>A pointer where the language wants a type argument.</summary>
    private readonly struct Ref(float* pointer)
    {
        public float* Pointer { get; } = pointer;

        public static Ref Of(float* pointer) => new(pointer);
    }
}
