using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchKv.Runtime.Cpu.Packing;

/// <summary>Quantizes float32 weights into groups of an <see cref="IntegerPanel"/>, and unpacks them.</summary>
internal static unsafe class IntegerPacking
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>Packs consecutive inputs of one panel; see <see cref="WeightPacking.Pack"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(PackedMatrix matrix, byte* to, int inputs, float* source, nint stride, int outputs)
    {
        var values = stackalloc Vector256<float>[64];
        var integers = stackalloc Vector256<int>[64];
        for (var i = 0; i < inputs; i += matrix.Group)
        {
            var count = Math.Min(matrix.Group, inputs - i);
            PackGroup(matrix, to, count, source + (i * stride), stride, outputs, values, integers);
            to += matrix.GroupBytes;
        }
    }

    /// <summary>Unpacks one weight of a group.</summary>
    public static float Unpack(PackedMatrix matrix, byte* group, int input, int output)
    {
        var scales = (ushort*)(group + matrix.GroupBytes - (Width * sizeof(ushort)));
        var scale = BFloat16.Widen(scales[output]);
        return scale * (ReadInteger(matrix, group, input, output) - matrix.Offset);
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
        WeightFormat.Int8 => IntegerPanel.Int8QuadBytes,
        WeightFormat.Int6 => IntegerPanel.Int6QuadBytes,
        _ => IntegerPanel.Int4QuadBytes,
    };

    /// <summary>The byte of a quad that holds a weight's lower four bits; see <see cref="IntegerPanel"/>.</summary>
    private static int Nibbles(int input, int output) => ((output & 16) * 2) + ((output & 7) * 4) + (input % 4);

    /// <summary>The byte of a quad that holds a weight's upper two bits; see <see cref="IntegerPanel"/>.</summary>
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
