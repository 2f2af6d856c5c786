using System.Text;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;

namespace TorchKv.Testing;

/// <summary>
/// Weights by a formula, for tests and benchmarks: a checkpoint of any size is made on the spot, the same everywhere,
/// and every value can be told from its tensor's name and index alone. What such a model says means nothing.
/// </summary>
/// <remarks>
/// value(name, i) = amplitude · (2 · (splitmix64(fnv1a64(name) + i) &gt;&gt; 40) / 2²⁴ − 1) + offset in double, rounded
/// once to float32 and, for a smaller dtype, once more; i is the row-major index. The amplitude is 0.25 for the token
/// embedding, 0.05 for the position embedding, 0.1 for biases and norms, 0.12 for other matrices; the offset 1 for
/// norms' weights, else 0.
/// </remarks>
public static class FormulaCheckpoint
{
    // A piece that keeps a thread busy for some tens of microseconds.
    private const int ElementsPerTask = 1 << 15;

    /// <summary>Writes such a checkpoint in HuggingFace's layout.</summary>
    /// <param name="directory">The folder; made where it is not there.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="dtype">The dtype in the file: float32, float16 or bfloat16.</param>
    /// <param name="maxShardBytes">See <see cref="CheckpointWriter.Save"/>.</param>
    /// <exception cref="CheckpointException">A file cannot be written.</exception>
    public static void Write(
        string directory,
        Gpt2Config config,
        TensorDType dtype = TensorDType.Float32,
        long maxShardBytes = CheckpointWriter.DefaultShardBytes) =>
        CheckpointWriter.Save(directory, config, Tensors(config, dtype), maxShardBytes);

    /// <summary>The parameters, computed as they are read.</summary>
    public static IEnumerable<TensorSource> Tensors(Gpt2Config config, TensorDType dtype = TensorDType.Float32)
    {
        var size = dtype.ByteSize();
        foreach (var (name, shape) in Gpt2Tensors.Parameters(config))
        {
            yield return new TensorSource(
                name, dtype, shape, (destination, start) => FillBytes(name, dtype, start / size, destination));
        }
    }

    /// <summary>The values of a tensor from row-major index <paramref name="start"/> on.</summary>
    /// <param name="name">The canonical name (<c>transformer.h.0.attn.c_attn.weight</c>).</param>
    /// <param name="start">The first index.</param>
    /// <param name="destination">Receives the values.</param>
    public static void Fill(string name, long start, Span<float> destination)
    {
        var (amplitude, offset) = Scale(name);
        var seed = Fnv1A64(name) + (ulong)start;
        for (var i = 0; i < destination.Length; i++)
        {
            var uniform = (2.0 * (SplitMix64(seed + (ulong)i) >> 40) / (1 << 24)) - 1;
            destination[i] = (float)((amplitude * uniform) + offset);
        }
    }

    private static unsafe void FillBytes(string name, TensorDType dtype, long start, Span<byte> destination)
    {
        var size = dtype.ByteSize();
        var count = destination.Length / size;
        fixed (byte* pinned = destination)
        {
            var bytes = pinned;
            Parallel.For(0, (count + ElementsPerTask - 1) / ElementsPerTask, task =>
            {
                Span<float> values = stackalloc float[1024];
                var end = Math.Min(count, (task + 1) * ElementsPerTask);
                for (var first = task * ElementsPerTask; first < end; first += values.Length)
                {
                    var some = values[..Math.Min(values.Length, end - first)];
                    Fill(name, start + first, some);
                    FloatConversion.FromSingle(dtype, some, new Span<byte>(bytes + (first * size), some.Length * size));
                }
            });
        }
    }

    private static (double Amplitude, double Offset) Scale(string name)
    {
        var isBias = name.EndsWith(".bias", StringComparison.Ordinal);
        if (name.Contains("ln_", StringComparison.Ordinal))
        {
            return (0.1, isBias ? 0 : 1);
        }

        return (
            isBias
                ? 0.1
                : name.EndsWith("wte.weight", StringComparison.Ordinal)
                ? 0.25
                : name.EndsWith("wpe.weight", StringComparison.Ordinal)
                ? 0.05
                : 0.12,
            0);
    }

    private static ulong Fnv1A64(string name)
    {
        var hash = 0xcbf29ce484222325UL;
        foreach (var octet in Encoding.UTF8.GetBytes(name))
        {
            hash = (hash ^ octet) * 0x100000001b3UL;
        }

        return hash;
    }

    private static ulong SplitMix64(ulong x)
    {
        x += 0x9e3779b97f4a7c15UL;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebUL;
        return x ^ (x >> 31);
    }
}
