using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests;

/// <summary>Recordings as tensors.</summary>
internal static class TorchRecordings
{
    extension(HuggingFaceCase recorded)
    {
        /// <summary>A recorded tensor, float32.</summary>
        public Tensor Tensor(string name) => recorded.Tensors[name].ToTensor();

        /// <summary>Recorded ids, (rows, tokens), int64.</summary>
        public Tensor IdTensor(string name) => ToTensor(recorded.Ids(name));
    }

    extension(FloatTensor recorded)
    {
        public Tensor ToTensor() => tensor(recorded.Values, [.. recorded.Shape.Select(size => (long)size)]);
    }

    /// <summary>Rows of ids, equally long, as (rows, tokens), int64.</summary>
    public static Tensor ToTensor(int[][] rows) =>
        tensor(
            rows.SelectMany(row => row.Select(id => (long)id)).ToArray(),
            [rows.Length, rows[0].Length],
            dtype: ScalarType.Int64);
}
