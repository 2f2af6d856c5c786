using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;
using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>
/// Copies queries to activations, and stores keys and values in the tokens' blocks. Parts 0, 1 and 2 of the matrix are
/// queries, keys and values.
/// </summary>
internal sealed unsafe class AttentionInputTarget(RowArray queries, KvPool pool, int layer) : ProductTarget
{
    private const int Keys = 1;

    private readonly KvLayout _layout = pool.Layout;

    public override void Publish(StepShape shape, PanelOutputs outputs, int first, int rows, float* tile)
    {
        for (var i = 0; i < rows; i++)
        {
            var from = Row(tile, i, outputs);
            switch (outputs.Part)
            {
                case 0:
                    from.CopyTo(new Span<float>(queries.Row(first + i) + outputs.First, outputs.Count));
                    break;
                case Keys:
                    StoreKeys(shape, first + i, outputs.First, from);
                    break;
                default:
                    StoreValues(shape, first + i, outputs.First, from);
                    break;
            }
        }
    }

    /// <summary>The dimensions of a key are a cache line apart.</summary>
    public override void Prefetch(StepShape shape, PanelOutputs outputs, int first, int rows)
    {
        if (outputs.Part == 0)
        {
            return;
        }

        for (var row = first; row < first + rows; row++)
        {
            var block = Block(shape, row);
            if (outputs.Part == Keys)
            {
                var bytes = KvLayout.BlockSize * _layout.ElementBytes;
                Kernels.Prefetch.Lines(block + ((long)outputs.First * bytes), outputs.Count * bytes);
                continue;
            }

            var (head, dimension) = Math.DivRem(outputs.First, _layout.HeadDim);
            var slot = (head * KvLayout.BlockSize) + Slot(shape, row);
            var element = ((long)slot * _layout.ValueStride) + dimension;
            Kernels.Prefetch.Lines(
                block + _layout.ValuesAt + (element * _layout.ElementBytes), outputs.Count * _layout.ElementBytes);
        }
    }

    private static int Slot(StepShape shape, int token) => shape.Position(token) % KvLayout.BlockSize;

    private byte* Block(StepShape shape, int token) =>
        pool.Layer(layer) + ((long)shape.Block(token) * _layout.Bytes);

    private void StoreKeys(StepShape shape, int token, int output, ReadOnlySpan<float> from) =>
        Store(
            from,
            Block(shape, token),
            (output * KvLayout.BlockSize) + Slot(shape, token),
            KvLayout.BlockSize);

    private void StoreValues(StepShape shape, int token, int output, ReadOnlySpan<float> from)
    {
        var slot = Slot(shape, token);
        var values = Block(shape, token) + _layout.ValuesAt;
        for (int j = 0, run; j < from.Length; j += run)
        {
            var (head, dimension) = Math.DivRem(output + j, _layout.HeadDim);
            run = Math.Min(from.Length - j, _layout.HeadDim - dimension);
            var first = (((head * KvLayout.BlockSize) + slot) * _layout.ValueStride) + dimension;
            Store(from.Slice(j, run), values, first, 1);
        }
    }

    private void Store(ReadOnlySpan<float> from, byte* to, nint first, nint stride)
    {
        if (_layout.IsFloat32)
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
