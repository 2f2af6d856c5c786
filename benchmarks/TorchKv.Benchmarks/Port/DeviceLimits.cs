using System.Diagnostics;
using TorchKv.Benchmarks.Measuring;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Benchmarks.Port;

/// <summary>
/// What a device can do at most, measured through libtorch: a copy of its memory, and a large product.
/// </summary>
internal static class DeviceLimits
{
    private const int Rounds = 6;

    /// <summary>
    /// Bytes a second of a copy (read and written), and operations a second of a product of square matrices.
    /// </summary>
    public static TorchAnswer Measure(Device device, ScalarType dtype)
    {
        var large = device.type == DeviceType.CUDA;
        var (numbers, width) = large ? (256L << 20, 8192L) : (8L << 20, 512L);
        using var scope = NewDisposeScope();
        using var mode = inference_mode();
        var (source, target) = (
            ones(numbers, dtype: ScalarType.Float32, device: device),
            zeros(numbers, dtype: ScalarType.Float32, device: device));
        var copied = Fastest(() => target.copy_(source));
        var square = ones(width, width, dtype: dtype, device: device);
        var multiplied = Fastest(() => square.matmul(square));
        return new TorchAnswer
        {
            BytesPerSecond = 2.0 * sizeof(float) * numbers / copied,
            OperationsPerSecond = 2.0 * width * width * width / multiplied,
        };
    }

    private static double Fastest(Func<Tensor> work)
    {
        var best = double.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            using var scope = NewDisposeScope();
            var began = Stopwatch.GetTimestamp();

            // Reading a number waits until the device has computed it.
            var result = work().flatten();
            if (!result.is_meta)
            {
                result[0].ToSingle();
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return best;
    }
}
