using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

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
                var values = stackalloc Vector256<float>[64];
                var integers = stackalloc Vector256<int>[64];
                for (var i = 0; i < inputs; i += matrix.Group)
                {
                    var count = Math.Min(matrix.Group, inputs - i);
                    PackGroup(matrix, to, count, source + (i * stride), stride, outputs, values, integers);
                    to += matrix.GroupBytes;
                }

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
                var scales = (ushort*)(group + matrix.GroupBytes - (Width * sizeof(ushort)));
                var scale = BFloat16.Widen(scales[output]);
                return scale * (ReadInteger(matrix, group, input % matrix.Group, output) - matrix.Offset);
        }
    }

    private static int ReadInteger(PackedMatrix matrix, byte* group, int input, int output)
    {
        var quad = group + (input / 4 * QuadBytes(matrix.Format));
        if (matrix.Format == WeightFormat.Int8)
        {
            return quad[(output * 4) + (input % 4)];
        }

        var both = quad[Nibbles(input, output)];
        var lower = (output & 8) == 0 ? both & 15 : both >> 4;
        return matrix.Format == WeightFormat.Int4
            ? lower
            : lower | (((quad[UpperBits(input, output)] >> UpperShift(output)) & 3) << 4);
    }

    private static void WriteInteger(PackedMatrix matrix, byte* group, int input, int output, int stored)
    {
        var quad = group + (input / 4 * QuadBytes(matrix.Format));
        if (matrix.Format == WeightFormat.Int8)
        {
            quad[(output * 4) + (input % 4)] = (byte)stored;
            return;
        }

        quad[Nibbles(input, output)] |= (byte)((output & 8) == 0 ? stored & 15 : stored << 4);
        if (matrix.Format == WeightFormat.Int6)
        {
            quad[UpperBits(input, output)] |= (byte)((stored >> 4) << UpperShift(output));
        }
    }

    private static int QuadBytes(WeightFormat format) => format switch
    {
        WeightFormat.Int8 => Int8Elements.QuadBytes,
        WeightFormat.Int6 => Int6Elements.QuadBytes,
        _ => Int4Elements.QuadBytes,
    };

    /// <summary>The byte of a quad that holds a weight's lower four bits; see <see cref="Int4Elements"/>.</summary>
    private static int Nibbles(int input, int output) => ((output & 16) * 2) + ((output & 7) * 4) + (input % 4);

    /// <summary>The byte of a quad that holds a weight's upper two bits; see <see cref="Int6Elements"/>.</summary>
    private static int UpperBits(int input, int output) => 64 + ((output & 7) * 4) + (input % 4);

    private static int UpperShift(int output) => output / 8 * 2;

    /// <summary>Quantizes and packs one group of inputs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackGroup(
        PackedMatrix matrix,
        byte* to,
        int inputs,
        float* source,
        nint stride,
        int outputs,
        Vector256<float>* values,
        Vector256<int>* integers)
    {
        new Span<byte>(to, matrix.GroupBytes).Clear();
        var scales = (ushort*)(to + matrix.GroupBytes - (Width * sizeof(ushort)));
        for (var first = 0; first < outputs; first += WeightQuantizer.Outputs)
        {
            var there = Math.Min(WeightQuantizer.Outputs, outputs - first);
            for (var i = 0; i < matrix.Group; i++)
            {
                values[i] = default;
                if (i < inputs)
                {
                    new ReadOnlySpan<float>(source + (i * stride) + first, there)
                        .CopyTo(new Span<float>((float*)(values + i), there));
                }
            }

            switch (matrix.Format)
            {
                case WeightFormat.Int8:
                    WeightQuantizer.Int8(values, matrix.Group, integers, scales + first);
                    break;
                case WeightFormat.Int6:
                    WeightQuantizer.Int6(values, matrix.Group, integers, scales + first);
                    break;
                default:
                    WeightQuantizer.Int4(values, matrix.Group, integers, scales + first);
                    break;
            }

            for (var i = 0; i < matrix.Group; i++)
            {
                for (var o = 0; o < WeightQuantizer.Outputs; o++)
                {
                    WriteInteger(matrix, to, i, first + o, ((int*)(integers + i))[o] + matrix.Offset);
                }
            }
        }
    }
}
