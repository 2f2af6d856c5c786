using static TorchSharp.torch;

namespace TorchKv.PortChecking.Traces;

/// <summary>A step of the original's run, for the port to repeat.</summary>
/// <param name="Index">From 0.</param>
/// <param name="Ids">The ids that were fed, (rows, tokens).</param>
public sealed record TraceStep(int Index, long[][] Ids)
{
    /// <summary>The ids as a tensor, (rows, tokens), int64; it belongs to the caller.</summary>
    /// <param name="device">Where; null: the CPU.</param>
    public Tensor ToTensor(Device? device = null)
    {
        var columns = Ids.Length == 0 ? 0 : Ids[0].Length;
        if (Array.Exists(Ids, row => row.Length != columns))
        {
            throw new TraceException($"step {Index} has rows of {string.Join(", ", Ids.Select(row => row.Length))} ids; a tensor needs equal ones.");
        }

        return tensor(Ids.SelectMany(row => row).ToArray(), [Ids.Length, columns], dtype: ScalarType.Int64, device: device);
    }
}
