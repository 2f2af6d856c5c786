using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Packing;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>
/// A panel of bfloat16 weights packed in 12 bits, with a chosen number of outliers in every stretch of 128 inputs, and
/// the products that kernels must give.
/// </summary>
internal sealed unsafe class CodedExample : IDisposable
{
    private const int Width = PackedMatrix.PanelWidth;

    private readonly NativeBuffer _memory;
    private readonly float[] _weights;
    private readonly HashSet<(int Input, int Output)> _outliers = [];

    public CodedExample(int inputs, int outputs, int outliers, int seed)
    {
        Matrix = new PackedMatrix(WeightFormat.CodedBFloat16, inputs, 1, outputs);
        _memory = new NativeBuffer(Matrix.MostBytes);
        Matrix.Place(_memory.Pointer, null);
        _weights = new float[inputs * Width];
        var random = new Random(seed);
        for (var start = 0; start < inputs; start += CodedPanel.Stretch)
        {
            var count = Math.Min(CodedPanel.Stretch, inputs - start);
            var places = Enumerable.Range(0, count * outputs).ToArray();
            random.Shuffle(places);

            // Fifteen upper bytes occur at least twice each, so an upper byte that occurs once is an outlier. Small
            // stretches have no outliers.
            for (var i = 0; i < places.Length; i++)
            {
                var (input, output) = Math.DivRem(places[i], outputs);
                var listed = places.Length > 60 && i < outliers;
                var upper = listed ? (byte)(0x30 + i) : (byte)(0x60 + (i % 15));
                var bits = (ushort)((upper << 8) | random.Next(256));
                _weights[((start + input) * Width) + output] = BFloat16.Widen(bits);
                if (listed)
                {
                    _outliers.Add((start + input, output));
                }
            }
        }

        fixed (float* source = _weights)
        {
            WeightPacking.Pack(Matrix, 0, 0, inputs, source, Width, outputs);
        }
    }

    public PackedMatrix Matrix { get; }

    public bool Fits => !Matrix.NeedsWiderFormat;

    public float Weight(int input, int output) => _weights[(input * Width) + output];

    /// <summary>
    /// The chain of one output: over all inputs with zeros in place of outliers, then over the outliers.
    /// </summary>
    public float Product(float* x, int output)
    {
        float sum = 0;
        for (var i = 0; i < Matrix.Inputs; i++)
        {
            sum = MathF.FusedMultiplyAdd(x[i], _outliers.Contains((i, output)) ? 0 : Weight(i, output), sum);
        }

        // The zeros up to a multiple of four inputs turn −0 into +0.
        sum = Matrix.Inputs % CodedPanel.Unit == 0 ? sum : sum + 0f;
        for (var i = 0; i < Matrix.Inputs; i++)
        {
            sum = _outliers.Contains((i, output)) ? MathF.FusedMultiplyAdd(x[i], Weight(i, output), sum) : sum;
        }

        return sum;
    }

    public void Dispose() => _memory.Dispose();
}
