using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>bfloat16 weights in 12 bits: not a bit is lost, and what does not fit is kept another way.</summary>
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
    public void AWeightComesBackAsTheBFloat16ThatItIs(int inputs)
    {
        foreach (var apart in new[] { 0, 1, CodedPanel.MaxOutliers })
        {
            using var panel = new CodedExample(inputs, outputs: 29, apart, seed: inputs + apart);
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
    public void AProductIsTheChainOverKWithTheWeightsThatAreListedApartAtItsEnd(int inputs)
    {
        foreach (var apart in new[] { 0, 5, CodedPanel.MaxOutliers })
        {
            using var panel = new CodedExample(inputs, outputs: 32, apart, seed: inputs + apart);
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
                            Assert.Equal(Bits(panel.Product(values + (row * 512), o)), Bits(((float*)tile.Pointer)[(row * Width) + o]));
                        }
                    }
                }
            }
        }
    }

    /// <summary>Products below the smallest float leave −0, which a further zero makes +0: the zeros past the last input count in every path alike.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(131)]
    public void AProductThatUnderflowsHasTheSameSignInOneRowAndInSeveral(int inputs)
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
                KernelSet.For(width).Multiply(matrix, 0, (float*)x.Pointer, 192, default, 0, rows, (float*)tile.Pointer);
                signs.AddRange(values[..(rows * Width)].ToArray().Select(Bits));
            }
        }

        Assert.Single(signs.Distinct());
    }

    [Fact]
    public void AStretchWithTooManyWeightsThatHaveNoCodeDoesNotFit()
    {
        using var panel = new CodedExample(inputs: 128, outputs: 32, apart: CodedPanel.MaxOutliers + 1, seed: 1);
        Assert.False(panel.Fits);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AModelInBFloat16GivesTheBitsOfAFloat32ModelWithTheSameWeights(bool wild)
    {
        // Wild weights have exponents of all kinds: their matrices take the two bytes that fit anything.
        using var folder = new TemporaryFolder();
        var config = new Gpt2Config { VocabSize = 90, ContextLength = 64, EmbeddingSize = 48, HeadCount = 3, LayerCount = 2, InnerSize = 130, EosTokenIds = [], BosTokenId = null };
        CheckpointWriter.Save(folder.Path, config, Gpt2Tensors.Parameters(config).Select(parameter => Tensor(parameter.Name, parameter.Shape, wild)));
        var ids = Models.Ids(config, 40, new Random(1));
        using var exact = CpuRunner.Load(folder.Path, new CpuRunnerOptions { Threads = 2 });
        using var runner = CpuRunner.Load(folder.Path, new CpuRunnerOptions { Threads = 2, DType = CpuDType.BFloat16, KvDType = CpuDType.Float32 });
        Assert.Equal(Models.Bits(RunnerSequence.For(exact, 40).Run(ids, 20, 1)), Models.Bits(RunnerSequence.For(runner, 40).Run(ids, 20, 1)));
        Assert.Equal(wild, 2 * runner.WeightBytesPerStep == exact.WeightBytesPerStep);
    }

    /// <summary>Weights that are bfloat16s: ±0.5 … ±1 · 2⁻ⁿ with n below 7, or of any size.</summary>
    private static TensorSource Tensor(string name, IReadOnlyList<long> shape, bool wild)
    {
        var random = new Random(name.Length + name.Sum(letter => letter));
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < values.Length; i++)
        {
            var magnitude = Math.ScaleB(0.5 + (random.NextDouble() / 2), random.Next(wild && name.EndsWith("weight", StringComparison.Ordinal) ? -90 : -7, 0));
            values[i] = BFloat16.Widen(BFloat16.Round((float)(random.Next(2) == 0 ? magnitude : -magnitude) / 4));
        }

        return new TensorSource(
            name,
            TensorDType.Float32,
            [.. shape],
            (destination, start) => System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan((int)(start / 4), destination.Length / 4)).CopyTo(destination));
    }

    private static int Bits(float value) => BitConverter.SingleToInt32Bits(value);

    /// <summary>A panel with a number of weights in each stretch whose upper byte is rarer than fifteen others.</summary>
    private sealed class CodedExample : IDisposable
    {
        private readonly NativeBuffer memory;
        private readonly float[] weights;
        private readonly HashSet<(int Input, int Output)> apart = [];

        public CodedExample(int inputs, int outputs, int apart, int seed)
        {
            Matrix = new PackedMatrix(WeightFormat.CodedBFloat16, inputs, 1, outputs);
            memory = new NativeBuffer(Matrix.MostBytes);
            Matrix.Place(memory.Pointer, null);
            weights = new float[inputs * Width];
            var random = new Random(seed);
            for (var start = 0; start < inputs; start += CodedPanel.Stretch)
            {
                var count = Math.Min(CodedPanel.Stretch, inputs - start);
                var places = Enumerable.Range(0, count * outputs).ToArray();
                random.Shuffle(places);

                // Fifteen upper bytes, two weights of each, so that one that occurs once is rarer; or all the same where there is little room.
                for (var i = 0; i < places.Length; i++)
                {
                    var (input, output) = Math.DivRem(places[i], outputs);
                    var listed = places.Length > 60 && i < apart;
                    var upper = listed ? (byte)(0x30 + i) : (byte)(0x60 + (i % 15));
                    var bits = (ushort)((upper << 8) | random.Next(256));
                    weights[((start + input) * Width) + output] = BFloat16.Widen(bits);
                    if (listed)
                    {
                        this.apart.Add((start + input, output));
                    }
                }
            }

            fixed (float* source = weights)
            {
                WeightPacking.Pack(Matrix, 0, 0, inputs, source, Width, outputs);
            }
        }

        public PackedMatrix Matrix { get; }

        public bool Fits => !Matrix.NeedsWiderFormat;

        public float Weight(int input, int output) => weights[(input * Width) + output];

        public float Product(float* x, int output)
        {
            float sum = 0;
            for (var i = 0; i < Matrix.Inputs; i++)
            {
                sum = MathF.FusedMultiplyAdd(x[i], apart.Contains((i, output)) ? 0 : Weight(i, output), sum);
            }

            // The zeros up to a multiple of four turn −0 into +0.
            sum = Matrix.Inputs % CodedPanel.Unit == 0 ? sum : sum + 0f;
            for (var i = 0; i < Matrix.Inputs; i++)
            {
                sum = apart.Contains((i, output)) ? MathF.FusedMultiplyAdd(x[i], Weight(i, output), sum) : sum;
            }

            return sum;
        }

        public void Dispose() => memory.Dispose();
    }
}
