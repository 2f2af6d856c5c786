using static TorchSharp.torch;

namespace TorchKv.PortChecking.Traces;

/// <summary>A step of the original's run, for the port to repeat.</summary>
/// <param name="Index">The step, from 0.</param>
/// <param name="Ids">The token ids of the step, (rows, tokens).</param>
public sealed record TraceStep(int Index, long[][] Ids)
{
    /// <summary>The token ids as a new tensor, (rows, tokens), int64. The caller disposes it.</summary>
    /// <param name="device">The device; null for the CPU.</param>
    /// <exception cref="TraceException">The rows have different lengths.</exception>
    public Tensor ToTensor(Device? device = null)
    {
        var columns = Ids.Length == 0 ? 0 : Ids[0].Length;
        if (Array.Exists(Ids, row => row.Length != columns))
        {
            var lengths = string.Join(", ", Ids.Select(row => row.Length));
            throw new TraceException($"step {Index} has rows of {lengths} ids; a tensor needs equal ones.");
        }

        long[] flat = [.. Ids.SelectMany(row => row)];
        return tensor(flat, [Ids.Length, columns], dtype: ScalarType.Int64, device: device);
    }
}
