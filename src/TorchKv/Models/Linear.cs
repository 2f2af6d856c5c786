using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>
/// <c>torch.nn.Linear</c>: x Wᵀ + bias. On the CPU it is fast for a few rows too, which is what a step with a KV cache
/// has.
/// </summary>
/// <remarks>
/// PyTorch gives the whole product to its BLAS, which divides one or a few rows badly among the threads and reads W at
/// a third of the memory's speed. Here such a product is a batch of products with parts of W, which run at once.
/// </remarks>
public sealed class Linear : nn.Module<Tensor, Tensor>
{
    /// <summary>
    /// A layer with weights drawn from torch's generator as <c>nn.Linear</c> draws them: the same seed gives the same.
    /// </summary>
    /// <param name="in_features">Width of the input.</param>
    /// <param name="out_features">Width of the output.</param>
    /// <param name="bias">Whether it has a bias.</param>
    /// <param name="device">Where the parameters live.</param>
    /// <param name="dtype">The parameters' dtype.</param>
    public Linear(
        long in_features, long out_features, bool bias = true, Device? device = null, ScalarType? dtype = null)
        : base(nameof(Linear))
    {
        this.in_features = in_features;
        this.out_features = out_features;
        weight = new Parameter(empty(out_features, in_features, dtype: dtype, device: device));
        nn.init.kaiming_uniform_(weight, a: Math.Sqrt(5));
        if (bias)
        {
            var bound = in_features > 0 ? 1 / Math.Sqrt(in_features) : 0;
            this.bias = new Parameter(empty(out_features, dtype: dtype, device: device));
            nn.init.uniform_(this.bias, -bound, bound);
        }
    }

    /// <summary>Width of the input.</summary>
    public readonly long in_features;

    /// <summary>Width of the output.</summary>
    public readonly long out_features;

    // Registered under their names, without a field beside the registry that a reassignment would leave behind.

    /// <summary>W, (out_features, in_features).</summary>
    public Parameter weight
    {
        get => get_parameter(nameof(weight))!;
        set => ConditionallyRegisterParameter(nameof(weight), (Parameter)value.DetachFromDisposeScope());
    }

    /// <summary>Added to each row, (out_features); null: nothing is.</summary>
    public Parameter? bias
    {
        get => get_parameter(nameof(bias));
        set => ConditionallyRegisterParameter(nameof(bias), (Parameter?)value?.DetachFromDisposeScope());
    }

    /// <summary>x Wᵀ + bias.</summary>
    /// <param name="x">(…, in_features).</param>
    /// <returns>(…, out_features).</returns>
    public override Tensor forward(Tensor x)
    {
        var rows = x.numel() / Math.Max(1, in_features);
        var parts = rows is > 0 and <= MostRowsInParts
            && x.device_type == DeviceType.CPU
            && x.dtype == ScalarType.Float32
            && weight.is_contiguous()
                ? part_count(out_features)
                : 1;
        return parts == 1 ? nn.functional.linear(x, weight, bias) : forward_in_parts(x, rows, parts);
    }

    private Tensor forward_in_parts(Tensor x, long rows, long parts)
    {
        using var w = weight.view(parts, out_features / parts, in_features);
        using var y = rows <= MostRowsAsColumns ? parts_times_columns(w, x, rows) : rows_times_parts(w, x, rows);
        if (bias is { } added)
        {
            y.add_(added);
        }

        return y.view([.. x.shape[..^1], out_features]);
    }

    /// <summary>(parts, width, in) by the input's rows as columns; (rows, out_features).</summary>
    private Tensor parts_times_columns(Tensor w, Tensor x, long rows)
    {
        using var flat = x.reshape(rows, in_features);
        using var columns = flat.t();                                       // (in, rows)
        using var shared = columns.expand(w.shape[0], in_features, rows);   // (parts, in, rows)
        using var y = bmm(w, shared);                                       // (parts, width, rows)
        using var joined = y.view(out_features, rows);
        using var turned = joined.t();                                      // (rows, out)
        return turned.contiguous();
    }

    /// <summary>The input's rows by each of (parts, width, in) transposed; (rows, out_features).</summary>
    private Tensor rows_times_parts(Tensor w, Tensor x, long rows)
    {
        using var flat = x.reshape(rows, in_features);
        using var shared = flat.expand(w.shape[0], rows, in_features);      // (parts, rows, in)
        using var turned = w.transpose(1, 2);                               // (parts, in, width)
        using var y = bmm(shared, turned);                                  // (parts, rows, width)
        using var joined = y.transpose(0, 1);                               // (rows, parts, width)
        return joined.reshape(rows, out_features);
    }

    /// <summary>
    /// Into how many parts of one size a matrix is divided: as many as there are threads, or more where its height
    /// needs it. 1: it cannot be divided.
    /// </summary>
    private static long part_count(long height)
    {
        for (long parts = Math.Max(2, get_num_threads()); parts <= MostParts; parts++)
        {
            if (height % parts == 0)
            {
                return parts;
            }
        }

        return 1;
    }

    // Measured on GPT-2's shapes (docs/benchmarks-appendix.md): up to 4 rows W times columns is the faster of the two,
    // and from 64 rows on the BLAS divides the product well by itself.
    private const long MostRowsAsColumns = 4;
    private const long MostRowsInParts = 64;
    private const long MostParts = 64;
}
