using System.Runtime.CompilerServices;

namespace TorchKv.Runtime.Cpu.Packing;

/// <summary>Packs float32 weights into a panel, in the format of the matrix, and unpacks them.</summary>
internal static unsafe class WeightPacking
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>
    /// Packs consecutive inputs of one panel. If weights do not fit the format, it sets
    /// <see cref="PackedMatrix.NeedsWiderFormat"/>, and the packed data is invalid.
    /// </summary>
    /// <param name="matrix">The destination.</param>
    /// <param name="panel">The panel.</param>
    /// <param name="firstInput">The first input: a multiple of the matrix's group.</param>
    /// <param name="inputs">The number of inputs: a multiple of the group, or all that are left.</param>
    /// <param name="source">(inputs, outputs), rows <paramref name="stride"/> apart.</param>
    /// <param name="stride">Floats from input to input.</param>
    /// <param name="outputs">Outputs of the panel, at most 32. The weights of the others become zero.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(
        PackedMatrix matrix, int panel, int firstInput, int inputs, float* source, nint stride, int outputs)
    {
        var to = matrix.Panel(panel) + ((nint)(firstInput / matrix.Group) * matrix.GroupBytes);
        switch (matrix.Format)
        {
            case WeightFormat.Float32:
                for (var i = 0; i < inputs; i++)
                {
                    var row = new Span<float>((float*)to + (i * Width), Width);
                    new ReadOnlySpan<float>(source + (i * stride), outputs).CopyTo(row);
                    row[outputs..].Clear();
                }

                break;
            case WeightFormat.BFloat16:
                for (var i = 0; i < inputs; i++)
                {
                    for (var o = 0; o < Width; o++)
                    {
                        var weight = o < outputs ? BFloat16.Round(source[(i * stride) + o]) : (ushort)0;
                        ((ushort*)to)[(i * Width) + o] = weight;
                    }
                }

                break;
            case WeightFormat.CodedBFloat16:
                for (var i = 0; i < inputs; i += matrix.Group)
                {
                    var count = Math.Min(matrix.Group, inputs - i);
                    if (!CodedPacking.TryPack(to, count, source + (i * stride), stride, outputs))
                    {
                        matrix.NeedsWiderFormat = true;
                    }

                    to += matrix.GroupBytes;
                }

                break;
            default:
                IntegerPacking.Pack(matrix, to, inputs, source, stride, outputs);
                break;
        }
    }

    /// <summary>Unpacks one weight.</summary>
    public static float Unpack(PackedMatrix matrix, int panel, int input, int output)
    {
        var group = matrix.Panel(panel) + ((nint)(input / matrix.Group) * matrix.GroupBytes);
        switch (matrix.Format)
        {
            case WeightFormat.Float32:
                return ((float*)group)[output];
            case WeightFormat.BFloat16:
                return BFloat16.Widen(((ushort*)group)[output]);
            case WeightFormat.CodedBFloat16:
                return CodedPacking.Unpack(group, input % matrix.Group, output);
            default:
                return IntegerPacking.Unpack(matrix, group, input % matrix.Group, output);
        }
    }
}
