using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace TorchKv.PortChecking.Traces;

/// <summary>Finds the tensors in a module's output.</summary>
internal static class OutputTensors
{
    /// <summary>The tensors of a tensor, tuple or sequence, with their place in it, such as <c>1.0</c>.</summary>
    public static IEnumerable<(string Part, Tensor Tensor)> Of(object? output) => Of(output, "");

    private static IEnumerable<(string Part, Tensor Tensor)> Of(object? output, string path)
    {
        if (output is Tensor tensor)
        {
            yield return (path.Length == 0 ? "0" : path, tensor);
            yield break;
        }

        var items = output switch
        {
            null or string => [],
            ITuple tuple => Enumerable.Range(0, tuple.Length).Select(i => tuple[i]),
            System.Collections.IEnumerable sequence => sequence.Cast<object?>(),
            _ => [],
        };
        var next = 0;
        foreach (var item in items)
        {
            foreach (var found in Of(item, path.Length == 0 ? $"{next}" : $"{path}.{next}"))
            {
                yield return found;
            }

            next++;
        }
    }
}
