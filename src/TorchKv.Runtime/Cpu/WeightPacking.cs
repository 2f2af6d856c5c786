using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>Float32 weights into a panel, in the matrix's format, and back.</summary>
internal static unsafe class WeightPacking
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>Packs a stretch of inputs of one panel. Sets <see cref="PackedMatrix.Misfit"/> if weights do not fit the format; what it wrote is then no use.</summary>
    /// <param name="matrix">Where to.</param>
    /// <param name="panel">Which panel.</param>
    /// <param name="firstInput">A multiple of the matrix's group.</param>
    /// <param name="inputs">A multiple of the group, or what is left.</param>
    /// <param name="source">(inputs, 32), rows <paramref name="stride"/> apart.</param>
    /// <param name="stride">Floats from input to input.</param>
    /// <param name="outputs">How many of the 32 there are; the others become zeros.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(PackedMatrix matrix, int panel, int firstInput, int inputs, float* source, nint stride, int outputs)
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
                        ((ushort*)to)[(i * Width) + o] = o < outputs ? BFloat16.Round(source[(i * stride) + o]) : (ushort)0;
                    }
                }

                break;
            case WeightFormat.CodedBFloat16:
                for (var i = 0; i < inputs; i += matrix.Group)
                {
                    if (!CodedPacking.TryPack(to, Math.Min(matrix.Group, inputs - i), source + (i * stride), stride, outputs))
                    {
                        matrix.Misfit = true;
                    }

                    to += matrix.GroupBytes;
                }

                break;
            default:
                var values = stackalloc Vector256<float>[64];
                var integers = stackalloc Vector256<int>[64];
                for (var i = 0; i < inputs; i += matrix.Group)
                {
                    PackGroup(matrix, to, Math.Min(matrix.Group, inputs - i), source + (i * stride), stride, outputs, values, integers);
                    to += matrix.GroupBytes;
                }

                break;
        }
    }

    /// <summary>One weight as the matrix keeps it.</summary>
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
                var scale = BFloat16.Widen(((ushort*)(group + matrix.GroupBytes - (Width * sizeof(ushort))))[output]);
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
        return matrix.Format == WeightFormat.Int4 ? lower : lower | (((quad[UpperBits(input, output)] >> UpperShift(output)) & 3) << 4);
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

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackGroup(
        PackedMatrix matrix, byte* to, int inputs, float* source, nint stride, int outputs, Vector256<float>* values, Vector256<int>* integers)
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
                    new ReadOnlySpan<float>(source + (i * stride) + first, there).CopyTo(new Span<float>((float*)(values + i), there));
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
