using System.Numerics;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>The phases that multiply rows with a matrix.</summary>
internal sealed unsafe partial class StepWork
{
    /// <summary>
    /// Splits rows into blocks of equal size. If there are more than six rows, the size is a multiple of six.
    /// </summary>
    private static (int Count, int Rows) Blocks(int rows)
    {
        if (rows <= Tiles.Rows)
        {
            // At least 1: a late thread of the head's phase may find that the present step wants no logits.
            return (1, Math.Max(rows, 1));
        }

        var count = (rows + Workspace.ProductRows - 1) / Workspace.ProductRows;
        var size = (((rows + count - 1) / count) + Tiles.Rows - 1) / Tiles.Rows * Tiles.Rows;
        return ((rows + size - 1) / size, size);
    }

    /// <summary>
    /// The tasks of a product: consecutive panels × a block of rows. With enough panels every thread gets about eight
    /// tasks: enough for the threads to end at about the same time, few enough for claiming to cost little. The split
    /// changes no result.
    /// </summary>
    private (int Tasks, int BlockCount, int BlockRows, int PanelsPerTask) Products(PackedMatrix matrix, int rows)
    {
        var (count, size) = Blocks(rows);
        var padded = Tiles.PaddedRows(size);
        var most = Workspace.TileFloats / (padded * PackedMatrix.PanelWidth);
        var panelsPerTask = Math.Clamp(matrix.Panels / (_threads * 8), 1, most);
        return ((matrix.Panels + panelsPerTask - 1) / panelsPerTask * count, count, size, panelsPerTask);
    }

    private void Multiply(Kind kind, int layer, PackedMatrix matrix, int task, Workspace workspace)
    {
        var rows = kind == Kind.Head ? _scratch.WantedCount : _scratch.TokenCount;
        var (_, blocks, size, panelsPerTask) = Products(matrix, rows);
        var first = task % blocks * size;
        var count = Math.Min(size, rows - first);
        if (count <= 0)
        {
            return; // A late thread: the present step has fewer rows.
        }

        var x = kind switch
        {
            Kind.Project => _scratch.Attended,
            Kind.Down => _scratch.Hidden,
            _ => _scratch.Normed,
        };
        var ldx = kind == Kind.Down ? _scratch.Inner : _scratch.Width;
        var padded = Tiles.PaddedRows(count);
        var tile = workspace.Tile;
        var end = Math.Min(matrix.Panels, ((task / blocks) + 1) * panelsPerTask);
        for (var panel = task / blocks * panelsPerTask; panel < end; panel++)
        {
            if (kind is Kind.Qkv or Kind.Head && count <= FewRows)
            {
                PrefetchDestination(kind, layer, matrix, panel, first, count);
            }

            _kernels.Multiply(matrix, panel, x, ldx, _scratch.Quantized(matrix), first, count, tile);
            _kernels.AddBias(tile, count, matrix.Bias + (panel * PackedMatrix.PanelWidth));
            if (kind == Kind.Up)
            {
                _kernels.Activate(_weights.Config.Activation, tile, count * PackedMatrix.PanelWidth);
            }

            tile += padded * PackedMatrix.PanelWidth;
        }
    }

    private void PublishProducts(Kind kind, int layer, int task, Workspace workspace)
    {
        var matrix = Matrix(kind, layer);
        var rows = kind == Kind.Head ? _scratch.WantedCount : _scratch.TokenCount;
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
                        from.CopyTo(new Span<float>(_scratch.Queries + (row * _scratch.Width) + output, lanes));
                        break;
                    case Kind.Qkv:
                        Store(layer, (int)row, part == 1, output, from);
                        break;
                    case Kind.Up:
                        from.CopyTo(new Span<float>(_scratch.Hidden + (row * _scratch.Inner) + output, lanes));
                        break;
                    case Kind.Head:
                        from.CopyTo(new Span<float>(_logits + (row * _weights.Config.VocabSize) + output, lanes));
                        break;
                    default:
                        var to = new Span<float>(_scratch.Residual + (row * _scratch.Width) + output, lanes);
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
    /// Prefetches the destination of a panel's results if it is in no cache: logits, keys and values. The dimensions of
    /// a key are a cache line apart.
    /// </summary>
    private void PrefetchDestination(Kind kind, int layer, PackedMatrix matrix, int panel, int first, int count)
    {
        var layout = _pool.Layout;
        var (part, output, lanes) = matrix.Outputs(panel);
        for (var row = first; row < first + count; row++)
        {
            if (kind == Kind.Head)
            {
                var to = _logits + ((long)row * _weights.Config.VocabSize) + output;
                Prefetch.Lines((byte*)to, lanes * sizeof(float));
                continue;
            }

            if (part == 0)
            {
                return;
            }

            var block = _pool.Layer(layer) + ((long)_scratch.Blocks[row] * layout.Bytes);
            if (part == 1)
            {
                var bytes = KvLayout.BlockSize * layout.ElementBytes;
                Prefetch.Lines(block + ((long)output * bytes), lanes * bytes);
                continue;
            }

            var (head, dimension) = Math.DivRem(output, layout.HeadDim);
            var slot = (head * KvLayout.BlockSize) + (_scratch.Positions[row] % KvLayout.BlockSize);
            var element = ((long)slot * layout.ValueStride) + dimension;
            Prefetch.Lines(block + layout.ValuesAt + (element * layout.ElementBytes), lanes * layout.ElementBytes);
        }
    }

    /// <summary>Stores consecutive dimensions of a token's keys or values to its block.</summary>
    private void Store(int layer, int token, bool keys, int output, ReadOnlySpan<float> from)
    {
        var layout = _pool.Layout;
        var block = _pool.Layer(layer) + ((long)_scratch.Blocks[token] * layout.Bytes);
        var slot = _scratch.Positions[token] % KvLayout.BlockSize;
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
            var first = (((head * KvLayout.BlockSize) + slot) * layout.ValueStride) + dimension;
            Store(from.Slice(j, run), block, first, 1);
        }
    }

    private void Store(ReadOnlySpan<float> from, byte* to, nint first, nint stride)
    {
        if (_pool.Layout.IsFloat32)
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
