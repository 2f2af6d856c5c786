namespace TorchKv.Benchmarks;

/// <summary>What <c>./run.sh bench port</c> understands.</summary>
/// <param name="Quick">Fewer rounds and tokens.</param>
/// <param name="Json">Where to write the figures.</param>
/// <param name="Plot">Where to draw them, as SVG.</param>
/// <param name="Threads">libtorch's threads on both sides; BLAS may have its own.</param>
internal sealed record BenchOptions(bool Quick, string? Json, string? Plot, int Threads)
{
    public const string Usage = "[--quick] [--json FILE] [--plot FILE.svg] [--threads N]";

    public static BenchOptions? Parse(string[] arguments)
    {
        // The package's libtorch has one pool of threads, for its loops and its products. A Python with OpenBLAS may
        // want --threads 1.
        var options = new BenchOptions(false, null, null, Environment.ProcessorCount);
        for (var i = 0; i < arguments.Length; i++)
        {
            var value = i + 1 < arguments.Length ? arguments[i + 1] : null;
            switch (arguments[i])
            {
                case "--quick":
                    options = options with { Quick = true };
                    continue;
                case "--json" when value is not null:
                    options = options with { Json = value };
                    break;
                case "--plot" when value is not null:
                    options = options with { Plot = value };
                    break;
                case "--threads" when int.TryParse(value, out var threads) && threads > 0:
                    options = options with { Threads = threads };
                    break;
                default:
                    return null;
            }

            i++;
        }

        return options;
    }
}
