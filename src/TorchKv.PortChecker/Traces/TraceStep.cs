using TorchKv.PortChecking.Text;
using static TorchSharp.torch;

namespace TorchKv.PortChecking.Traces;

/// <summary>A step of the original's run, for the port to repeat.</summary>
/// <param name="Index">The step, from 0.</param>
/// <param name="Ids">The token ids of the step, (rows, tokens).</param>
public sealed record TraceStep(int Index, long[][] Ids)
{
    /// <summary>
    /// Whether the step continues the sequences of the earlier steps, so that a port uses its cache, or begins new
    /// ones, so that a port empties it; null where the trace does not tell. False for the first step.
    /// </summary>
    public bool? Continues { get; init; } = Index == 0 ? false : null;

    /// <summary>Whether <see cref="Continues"/> is recorded, and not concluded from the outputs.</summary>
    public bool ContinuesIsRecorded { get; init; } = Index == 0;

    /// <summary>The names of the tensors that the original's call had as arguments.</summary>
    public IEnumerable<string> InputNames => Inputs.Keys;

    internal IReadOnlyDictionary<string, StepInput> Inputs { get; init; } = new Dictionary<string, StepInput>();

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

    /// <summary>
    /// Another argument of the original's call as a new tensor of type int64, bool or float32. The caller disposes it.
    /// </summary>
    /// <param name="name">The argument's name, such as <c>attention_mask</c> or <c>position_ids</c>.</param>
    /// <param name="device">The device; null for the CPU.</param>
    /// <returns>The tensor; null where the call had no such argument.</returns>
    public Tensor? Input(string name, Device? device = null) => Inputs.GetValueOrDefault(name)?.ToTensor(device);

    /// <summary>
    /// The argument <c>attention_mask</c> as a new tensor (rows, keys), int64, 0 for padding and 1 for tokens. The
    /// caller disposes it. Masks for each query and masks that are added to the scores are converted.
    /// </summary>
    /// <param name="device">The device; null for the CPU.</param>
    /// <returns>The tensor; null where the call had no mask, or one without padding.</returns>
    /// <exception cref="TraceException">
    /// The mask hides other keys than padding and, for each query, the later ones.
    /// </exception>
    public Tensor? PaddingMask(Device? device = null)
    {
        if (Inputs.GetValueOrDefault("attention_mask") is not { } mask)
        {
            return null;
        }

        var keys = AttentionMask.Keys(mask, Ids.Length) ?? throw new TraceException(
            $"step {Index} has an attention_mask of shape {Figures.ShapeText(mask.Shape)} that does not only tell "
            + "padding from tokens.");
        long[] flat = [.. keys.SelectMany(row => row).Select(isToken => isToken ? 1L : 0)];
        return Array.TrueForAll(flat, value => value == 1)
            ? null
            : tensor(flat, [keys.Length, keys[0].Length], dtype: ScalarType.Int64, device: device);
    }
}
