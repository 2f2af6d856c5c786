using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    // The reductions whose signatures differ from libtorch's.
    public unsafe partial class Tensor
    {
        public Tensor sum(ScalarType? type = null) => Aten.sum.Call(this, type);
        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => Aten.sum_dim_IntList.Call(this, dim, keepdim, type);

        public Tensor sum(ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null)
        {
            fixed (long* _ = dim)
            {
                return Aten.sum_dim_IntList.Call(this, Arg.List(dim), keepdim, type);
            }
        }

        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => sum([dim], keepdim, type);
        public Tensor sum(long dim0, long dim1, bool keepdim = false, ScalarType? type = null) => sum([dim0, dim1], keepdim, type);
        public Tensor sum(long dim0, long dim1, long dim2, bool keepdim = false, ScalarType? type = null) => sum([dim0, dim1, dim2], keepdim, type);

        public Tensor mean() => Aten.mean.Call(this);
        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) => Aten.mean_dim.Call(this, dimensions, keepdim, type);

        public Tensor var(bool unbiased = true) => Aten.var.Call(this, unbiased);
        public Tensor var(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => Aten.var_dim.Call(As(type), dimensions, unbiased, keepdim);
        public Tensor var(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var(dimensions.ToArray(), unbiased, keepdim, type);
        public Tensor var(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var((long[])[dim], unbiased, keepdim, type);

        public Tensor std(bool unbiased = true) => Aten.std.Call(this, unbiased);
        public Tensor std(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => Aten.std_dim.Call(As(type), dimensions, unbiased, keepdim);
        public Tensor std(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std(dimensions.ToArray(), unbiased, keepdim, type);
        public Tensor std(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std((long[])[dim], unbiased, keepdim, type);

        public Tensor prod(ScalarType? type = null) => Aten.prod.Call(this, type);
        public Tensor prod(long dim, bool keepdim = false, ScalarType? type = null) => Aten.prod_dim_int.Call(this, dim, keepdim, type);

        public Tensor norm(float p = 2) => Aten.norm_Scalar.Call(this, (double)p);
        public Tensor norm(int dim, bool keepdim = false, float p = 2) => Aten.norm_ScalarOpt_dim.Call(this, (double)p, (long[])[dim], keepdim);
        public Tensor dist(Tensor other, float p = 2) => Aten.dist.Call(this, other, (double)p);

        public Tensor argmax() => Aten.argmax.Call(this);
        public Tensor argmax(long dim, bool keepdim = false) => Aten.argmax.Call(this, dim, keepdim);
        public Tensor argmin() => Aten.argmin.Call(this);
        public Tensor argmin(long dim, bool keepdim = false) => Aten.argmin.Call(this, dim, keepdim);

        public Tensor max() => Aten.max.Call(this);
        public Tensor max(Tensor other) => Aten.max_other.Call(this, other);
        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) => Aten.max_dim.Call2(this, dim, keepdim);
        public Tensor min() => Aten.min.Call(this);
        public Tensor min(Tensor other) => Aten.min_other.Call(this, other);
        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) => Aten.min_dim.Call2(this, dim, keepdim);

        public Tensor amax(params long[] dims) => Aten.amax.Call(this, dims);
        public Tensor amax(long[] dims, bool keepdim = false, Tensor? @out = null) => Into(@out, Aten.amax.Call(this, dims, keepdim));
        public Tensor amax(ReadOnlySpan<long> dims, bool keepdim = false, Tensor? @out = null) => amax(dims.ToArray(), keepdim, @out);
        public Tensor amin(params long[] dims) => Aten.amin.Call(this, dims);
        public Tensor amin(long[] dims, bool keepdim = false, Tensor? @out = null) => Into(@out, Aten.amin.Call(this, dims, keepdim));
        public Tensor amin(ReadOnlySpan<long> dims, bool keepdim = false, Tensor? @out = null) => amin(dims.ToArray(), keepdim, @out);

        public Tensor all() => Aten.all.Call(this);
        public Tensor all(long dim, bool keepdim = false) => Aten.all_dim.Call(this, dim, keepdim);
        public Tensor any() => Aten.any.Call(this);
        public Tensor any(long dim, bool keepdim = false) => Aten.any_dim.Call(this, dim, keepdim);

        public Tensor logsumexp(long dim, bool keepdim = false) => Aten.logsumexp.Call(this, (long[])[dim], keepdim);
        public Tensor cumsum(long dim, ScalarType? type = null) => Aten.cumsum.Call(this, dim, type);
        public Tensor cumprod(long dim, ScalarType? type = null) => Aten.cumprod.Call(this, dim, type);
        public Tensor count_nonzero(long[]? dims = null) => dims is null ? Aten.count_nonzero.Call(this) : Aten.count_nonzero_dim.Call(this, dims);

        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true) => Aten.topk.Call2(this, k, dim, largest, sorted);

        public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false) => Aten.sort_stable.Call2(this, stable, dim, descending);

        public Tensor argsort(long dim = -1, bool descending = false) => Aten.argsort.Call(this, dim, descending);

        public Tensor bincount(Tensor? weights, long minlength = 0) => Aten.bincount.Call(this, weights, minlength);

        public (Tensor output, Tensor? inverse_indices, Tensor? counts) unique(bool sorted = true, bool return_inverse = false, bool return_counts = false, int? dim = null)
        {
            var (output, inverse, counts) = dim is { } axis
                ? Aten.unique_dim.Call3(this, axis, sorted, return_inverse, return_counts)
                : Aten.unique2.Call3(this, sorted, return_inverse, return_counts);
            return (output, Wanted(inverse, return_inverse), Wanted(counts, return_counts));
        }

        public bool allclose(Tensor target, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) => Aten.allclose.CallBool(this, target, rtol, atol, equal_nan);

        public Tensor isclose(Tensor other, double rtol = 1e-5, double atol = 1e-8, bool nanEqual = false) => Aten.isclose.Call(this, other, rtol, atol, nanEqual);

        /// <summary>One boolean: same shape and same elements.</summary>
        public Tensor equal(Tensor target) => tensor(Aten.equal.CallBool(this, target));

        private Tensor As(ScalarType? type) => type is { } wanted ? to_type(wanted) : this;

        private static Tensor? Wanted(Tensor result, bool wanted)
        {
            if (wanted)
            {
                return result;
            }
            result.Dispose();
            return null;
        }

        private static Tensor Into(Tensor? target, Tensor result)
        {
            if (target is null)
            {
                return result;
            }
            target.set_(result);
            result.Dispose();
            return target;
        }
    }
}

file static class Aten
{
    public static readonly Op sum = new("sum");
    public static readonly Op sum_dim_IntList = new("sum", "dim_IntList");
    public static readonly Op mean = new("mean");
    public static readonly Op mean_dim = new("mean", "dim");
    public static readonly Op var = new("var");
    public static readonly Op var_dim = new("var", "dim");
    public static readonly Op std = new("std");
    public static readonly Op std_dim = new("std", "dim");
    public static readonly Op prod = new("prod");
    public static readonly Op prod_dim_int = new("prod", "dim_int");
    public static readonly Op norm_Scalar = new("norm", "Scalar");
    public static readonly Op norm_ScalarOpt_dim = new("norm", "ScalarOpt_dim");
    public static readonly Op dist = new("dist");
    public static readonly Op argmax = new("argmax");
    public static readonly Op argmin = new("argmin");
    public static readonly Op max = new("max");
    public static readonly Op max_other = new("max", "other");
    public static readonly Op max_dim = new("max", "dim");
    public static readonly Op min = new("min");
    public static readonly Op min_other = new("min", "other");
    public static readonly Op min_dim = new("min", "dim");
    public static readonly Op amax = new("amax");
    public static readonly Op amin = new("amin");
    public static readonly Op all = new("all");
    public static readonly Op all_dim = new("all", "dim");
    public static readonly Op any = new("any");
    public static readonly Op any_dim = new("any", "dim");
    public static readonly Op logsumexp = new("logsumexp");
    public static readonly Op cumsum = new("cumsum");
    public static readonly Op cumprod = new("cumprod");
    public static readonly Op count_nonzero = new("count_nonzero");
    public static readonly Op count_nonzero_dim = new("count_nonzero", "dim_IntList");
    public static readonly Op topk = new("topk");
    public static readonly Op sort_stable = new("sort", "stable");
    public static readonly Op argsort = new("argsort");
    public static readonly Op bincount = new("bincount");
    public static readonly Op unique_dim = new("unique_dim");
    public static readonly Op unique2 = new("_unique2");
    public static readonly Op allclose = new("allclose");
    public static readonly Op isclose = new("isclose");
    public static readonly Op equal = new("equal");
}
