using System.Numerics;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>The products: rows × matrices, and where their results go.</summary>
internal sealed unsafe partial class StepWork
{
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
            if (kind is Kind.Qkv or Kind.Head && count <= FewRows)
            {
                FetchDestination(kind, layer, matrix, panel, first, count);
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

    /// <summary>
    /// Fetches what the results of a panel will be stored to, where that comes from memory: logits, and keys and values. A key's dimensions are a cache line apart.
    /// </summary>
    private void FetchDestination(Kind kind, int layer, PackedMatrix matrix, int panel, int first, int count)
    {
        var layout = pool.Layout;
        var (part, output, lanes) = matrix.Outputs(panel);
        for (var row = first; row < first + count; row++)
        {
            if (kind == Kind.Head)
            {
                Fetch.Lines((byte*)(logits + ((long)row * weights.Config.VocabSize) + output), lanes * sizeof(float));
                continue;
            }

            if (part == 0)
            {
                return;
            }

            var block = pool.Layer(layer) + ((long)scratch.Blocks[row] * layout.Bytes);
            if (part == 1)
            {
                Fetch.Lines(block + ((long)output * KvLayout.BlockSize * layout.ElementBytes), lanes * KvLayout.BlockSize * layout.ElementBytes);
                continue;
            }

            var (head, dimension) = Math.DivRem(output, layout.HeadDim);
            var slot = (head * KvLayout.BlockSize) + (scratch.Positions[row] % KvLayout.BlockSize);
            Fetch.Lines(block + layout.ValuesAt + ((((long)slot * layout.ValueStride) + dimension) * layout.ElementBytes), lanes * layout.ElementBytes);
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
}
