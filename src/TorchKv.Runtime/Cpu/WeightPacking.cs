using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>Float32 weights into a panel, in the matrix's dtype, and back.</summary>
internal static unsafe class WeightPacking
{
    private const int Width = PackedMatrix.PanelWidth;

    /// <summary>Packs a stretch of inputs of one panel.</summary>
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
        if (matrix.Format == WeightFormat.Int8)
        {
            return group[(input / 4 * Int8Elements.QuadBytes) + (output * 4) + (input % 4)];
        }

        var both = group[Nibbles(input, output)];
        return (output & 8) == 0 ? both & 15 : both >> 4;
    }

    /// <summary>The byte that holds an int4 weight; see <see cref="Int4Elements"/>.</summary>
    private static int Nibbles(int input, int output) =>
        (input / 4 * Int4Elements.QuadBytes) + ((output & 16) * 2) + ((output & 7) * 4) + (input % 4);

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

            if (matrix.Format == WeightFormat.Int8)
            {
                WeightQuantizer.Int8(values, matrix.Group, integers, scales + first);
            }
            else
            {
                WeightQuantizer.Int4(values, matrix.Group, integers, scales + first);
            }

            for (var i = 0; i < matrix.Group; i++)
            {
                for (var o = 0; o < WeightQuantizer.Outputs; o++)
                {
                    var output = first + o;
                    var stored = (byte)(((int*)(integers + i))[o] + matrix.Offset);
                    if (matrix.Format == WeightFormat.Int8)
                    {
                        to[(i / 4 * Int8Elements.QuadBytes) + (output * 4) + (i % 4)] = stored;
                    }
                    else
                    {
                        to[Nibbles(i, output)] |= (output & 8) == 0 ? stored : (byte)(stored << 4);
                    }
                }
            }
        }
    }
}
