using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Tests.Cpu;

[Trait("speed", "fast")]
public unsafe class IntegerKernelTests
{
    private const int Inputs = 192;
    private const int MostRows = 12;

    // The greatest weights and rows together are where 16-bit sums would overflow.
    [Theory]
    [InlineData(WeightFormat.Int8, 255, 127)]
    [InlineData(WeightFormat.Int8, 255, -128)]
    [InlineData(WeightFormat.Int8, null, null)]
    [InlineData(WeightFormat.Int6, 255, -128)]
    [InlineData(WeightFormat.Int6, null, null)]
    [InlineData(WeightFormat.Int4, 255, 127)]
    [InlineData(WeightFormat.Int4, 255, -128)]
    [InlineData(WeightFormat.Int4, null, null)]
    public void TheWidestVectorsGiveTheScalarKernelsBits(object format, int? weight, int? value)
    {
        var random = new Random(11);
        var matrix = new PackedMatrix((WeightFormat)format, Inputs, 1, PackedMatrix.PanelWidth);
        var weights = Bytes(checked((int)matrix.Bytes), random, weight);
        SetScales(matrix, weights, random);
        var values = Bytes(MostRows * Inputs, random, value);
        var scales = Enumerable.Range(0, MostRows * matrix.Groups).Select(_ => random.NextSingle()).ToArray();
        var starts = Enumerable.Range(0, MostRows * matrix.Groups).Select(_ => random.Next(-9000, 9000)).ToArray();
        fixed (byte* panel = weights, bytes = values)
        {
            fixed (float* rowScales = scales)
            {
                fixed (int* rowStarts = starts)
                {
                    matrix.Place(panel, null);
                    var rows = new QuantizedRows((sbyte*)bytes, rowScales, rowStarts, Inputs, matrix.Groups);
                    foreach (var count in new[] { 1, 2, 6, 7 })
                    {
                        Assert.Equal(
                            Product(VectorWidth.Scalar, matrix, rows, count),
                            Product(KernelSet.Widest, matrix, rows, count));
                    }
                }
            }
        }
    }

    private static int[] Product(VectorWidth width, PackedMatrix matrix, QuantizedRows rows, int count)
    {
        var tile = new float[MostRows * PackedMatrix.PanelWidth];
        fixed (float* c = tile)
        {
            KernelSet.For(width).Multiply(matrix, 0, null, 0, rows, 0, count, c);
        }

        return [.. tile.Take(count * PackedMatrix.PanelWidth).Select(BitConverter.SingleToInt32Bits)];
    }

    private static byte[] Bytes(int count, Random random, int? all)
    {
        var bytes = new byte[count];
        if (all is { } value)
        {
            Array.Fill(bytes, unchecked((byte)value));
        }
        else
        {
            random.NextBytes(bytes);
        }

        return bytes;
    }

    /// <summary>Bfloat16 scales at the end of each group: any positive number below 2.</summary>
    private static void SetScales(PackedMatrix matrix, byte[] weights, Random random)
    {
        const int ScaleBytes = PackedMatrix.PanelWidth * sizeof(ushort);
        for (var end = matrix.GroupBytes; end <= weights.Length; end += matrix.GroupBytes)
        {
            for (var at = end - ScaleBytes; at < end; at += sizeof(ushort))
            {
                var scale = BitConverter.SingleToUInt32Bits(random.NextSingle() + 0.5f) >> 16;
                BitConverter.TryWriteBytes(weights.AsSpan(at), (ushort)scale);
            }
        }
    }
}
