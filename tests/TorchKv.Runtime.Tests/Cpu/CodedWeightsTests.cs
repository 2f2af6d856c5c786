using System.Runtime.InteropServices;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>
/// bfloat16 weights in 12 bits lose nothing. A matrix whose weights do not fit takes 16 bits a weight.
/// </summary>
public sealed unsafe class CodedWeightsTests
{
    private const int Width = PackedMatrix.PanelWidth;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(126)]
    [InlineData(128)]
    [InlineData(131)]
    [InlineData(300)]
    public void AWeightUnpacksToTheSameBFloat16(int inputs)
    {
        foreach (var outliers in new[] { 0, 1, CodedPanel.MaxOutliers })
        {
            using var panel = new CodedExample(inputs, outputs: 29, outliers, seed: inputs + outliers);
            Assert.True(panel.Fits);
            for (var i = 0; i < inputs; i++)
            {
                for (var o = 0; o < Width; o++)
                {
                    Assert.Equal(Bits(panel.Weight(i, o)), Bits(WeightPacking.Unpack(panel.Matrix, 0, i, o)));
                }
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(127)]
    [InlineData(131)]
    [InlineData(300)]
    public void AProductSumsOverKThenTheOutliers(int inputs)
    {
        foreach (var outliers in new[] { 0, 5, CodedPanel.MaxOutliers })
        {
            using var panel = new CodedExample(inputs, outputs: 32, outliers, seed: inputs + outliers);
            foreach (var width in Enum.GetValues<VectorWidth>().Where(width => width <= KernelSet.Widest))
            {
                foreach (var rows in new[] { 1, 2, 5, 12, 17, 31 })
                {
                    using var x = new NativeBuffer(Tiles.PaddedRows(rows) * 512L * sizeof(float));
                    using var tile = new NativeBuffer(Tiles.PaddedRows(rows) * Width * sizeof(float));
                    var random = new Random(rows);
                    var values = (float*)x.Pointer;
                    for (var row = 0; row < rows; row++)
                    {
                        for (var i = 0; i < inputs; i++)
                        {
                            values[(row * 512) + i] = (float)((2 * random.NextDouble()) - 1);
                        }
                    }

                    KernelSet.For(width).Multiply(panel.Matrix, 0, values, 512, default, 0, rows, (float*)tile.Pointer);
                    for (var row = 0; row < rows; row++)
                    {
                        for (var o = 0; o < Width; o++)
                        {
                            var expected = panel.Product(values + (row * 512), o);
                            Assert.Equal(Bits(expected), Bits(((float*)tile.Pointer)[(row * Width) + o]));
                        }
                    }
                }
            }
        }
    }

    /// <summary>
    /// A product below the smallest float is −0, and adding a zero makes it +0. So every kernel must add the zeros past
    /// the last input.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(131)]
    public void AnUnderflowsSignIsTheSameInManyRows(int inputs)
    {
        var matrix = new PackedMatrix(WeightFormat.CodedBFloat16, inputs, 1, Width);
        using var panel = new NativeBuffer(matrix.MostBytes);
        matrix.Place(panel.Pointer, null);
        var weights = Enumerable.Repeat(1e-30f, inputs * Width).ToArray();
        fixed (float* source = weights)
        {
            WeightPacking.Pack(matrix, 0, 0, inputs, source, Width, Width);
        }

        const int Rows = 17;
        using var x = new NativeBuffer(Tiles.PaddedRows(Rows) * 192L * sizeof(float));
        for (var row = 0; row < Rows; row++)
        {
            new Span<float>((float*)x.Pointer + (row * 192), inputs).Fill(-1e-30f);
        }

        using var tile = new NativeBuffer(Tiles.PaddedRows(Rows) * Width * sizeof(float));
        var values = new Span<float>(tile.Pointer, Rows * Width);
        var signs = new List<int>();
        foreach (var width in Enum.GetValues<VectorWidth>().Where(width => width <= KernelSet.Widest))
        {
            foreach (var rows in new[] { 1, 2, Rows })
            {
                KernelSet.For(width)
                    .Multiply(matrix, 0, (float*)x.Pointer, 192, default, 0, rows, (float*)tile.Pointer);
                signs.AddRange(values[..(rows * Width)].ToArray().Select(Bits));
            }
        }

        Assert.Single(signs.Distinct());
    }

    [Fact]
    public void AStretchWithTooManyOutliersDoesNotFit()
    {
        using var panel = new CodedExample(inputs: 128, outputs: 32, outliers: CodedPanel.MaxOutliers + 1, seed: 1);
        Assert.False(panel.Fits);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BFloat16GivesTheBitsOfFloat32WithItsWeights(bool wild)
    {
        // Wild weights have very different exponents, so their matrices need two bytes a weight.
        using var folder = new TemporaryFolder();
        var config = new Gpt2Config
        {
            VocabSize = 90,
            ContextLength = 64,
            EmbeddingSize = 48,
            HeadCount = 3,
            LayerCount = 2,
            InnerSize = 130,
            EosTokenIds = [],
            BosTokenId = null,
        };
        var tensors = Gpt2Tensors.Parameters(config).Select(tensor => Tensor(tensor.Name, tensor.Shape, wild));
        CheckpointWriter.Save(folder.Path, config, tensors);
        var ids = Models.Ids(config, 40, new Random(1));
        var options = new CpuRunnerOptions { Threads = 2, KvDType = CpuDType.Float32 };
        using var exact = CpuRunner.Load(folder.Path, options);
        using var runner = CpuRunner.Load(folder.Path, options with { DType = CpuDType.BFloat16 });
        var expected = RunnerSequence.For(exact, 40).Run(ids, 20, 1);
        Assert.Equal(Models.Bits(expected), Models.Bits(RunnerSequence.For(runner, 40).Run(ids, 20, 1)));
        Assert.Equal(wild, 2 * runner.WeightBytesPerStep == exact.WeightBytesPerStep);
    }

    /// <summary>
    /// A tensor of random bfloat16 values of magnitude 2⁻¹⁰ … 2⁻³. If it is wild, magnitudes go down to 2⁻⁹³.
    /// </summary>
    private static TensorSource Tensor(string name, IReadOnlyList<long> shape, bool wild)
    {
        var random = new Random(name.Length + name.Sum(letter => letter));
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
        {
            var least = wild && name.EndsWith("weight", StringComparison.Ordinal) ? -90 : -7;
            var magnitude = Math.ScaleB(0.5 + (random.NextDouble() / 2), random.Next(least, 0));
            values[i] = BFloat16.Widen(BFloat16.Round((float)(random.Next(2) == 0 ? magnitude : -magnitude) / 4));
        }

        return new TensorSource(
            name,
            TensorDType.Float32,
            [.. shape],
            (destination, start) =>
                MemoryMarshal.AsBytes(values.AsSpan((int)(start / 4), destination.Length / 4)).CopyTo(destination));
    }

    private static int Bits(float value) => BitConverter.SingleToInt32Bits(value);
}
