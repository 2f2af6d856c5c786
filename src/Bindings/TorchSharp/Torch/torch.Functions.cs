using TorchSharp.Interop;

namespace TorchSharp;

// What is called on several tensors, or has another signature than the tensor's method.
public static partial class torch
{
    public static Tensor cat(IList<Tensor> tensors, long dim = 0) => Aten.cat.Call(Arg.List(tensors as Tensor[] ?? [.. tensors]), dim);
    public static Tensor cat(Tensor[] tensors, long dim = 0) => Aten.cat.Call(Arg.List(tensors), dim);
    public static Tensor cat(ReadOnlySpan<Tensor> tensors, long dim = 0) => Aten.cat.Call(Arg.List(tensors.ToArray()), dim);
    public static Tensor concat(IList<Tensor> tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concat(Tensor[] tensors, long dim = 0) => cat(tensors, dim);
    public static Tensor concat(ReadOnlySpan<Tensor> tensors, long dim = 0) => cat(tensors, dim);

    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) => Aten.stack.Call(Arg.List(tensors as Tensor[] ?? [.. tensors]), dim);
    public static Tensor hstack(params Tensor[] tensors) => Aten.hstack.Call(Arg.List(tensors));
    public static Tensor vstack(params Tensor[] tensors) => Aten.vstack.Call(Arg.List(tensors));

    public static Tensor einsum(string equation, params Tensor[] tensors) => Aten.einsum.Call(equation, Arg.List(tensors));

    public static Tensor where(Tensor condition, Tensor x, Tensor y) => x.where(condition, y);
    public static Tensor[] where(Tensor condition) => Aten.where.CallList(condition);

    public static Tensor softmax(Tensor input, int dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

    public static (Tensor values, Tensor indexes) topk(Tensor tensor, int k, int dim = -1, bool largest = true, bool sorted = true) => tensor.topk(k, dim, largest, sorted);

    /// <summary>beta · input + alpha · mat1 @ mat2.</summary>
    public static Tensor addmm(Tensor input, Tensor mat1, Tensor mat2, float beta, float alpha) => input.addmm(mat1, mat2, beta, alpha);

    public static Tensor[] meshgrid(IEnumerable<Tensor> tensors, string indexing = "ij") => Aten.meshgrid.CallList(Arg.List([.. tensors]), indexing);

    public static bool allclose(Tensor tensor, Tensor target, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) => tensor.allclose(target, rtol, atol, equal_nan);

    public static Tensor logsumexp(Tensor input, long dim, bool keepdim = false) => input.logsumexp(dim, keepdim);

    public static Tensor empty_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Unnamed(names, input).empty_like(dtype, device, requires_grad);

    public static Tensor zeros_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Unnamed(names, input).zeros_like(dtype, device, requires_grad);

    public static Tensor ones_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Unnamed(names, input).ones_like(dtype, device, requires_grad);

    public static Tensor full_like(Tensor input, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) => Unnamed(names, input).full_like(value, dtype, device, requires_grad);

    public static Tensor masked_select(Tensor input, Tensor mask) => input.masked_select(mask);

    public static Tensor norm(Tensor input) => input.norm();

    public static Tensor movedim(Tensor input, long source, long destination) => input.movedim([source], [destination]);

    public static Tensor LongTensor(Tensor t) => t.to(ScalarType.Int64);

    public static Tensor FloatTensor(Tensor t) => t.to(ScalarType.Float32);

    private static Tensor Unnamed(string[]? names, Tensor input)
    {
        RefuseNames(names);
        return input;
    }

    public static bool is_tensor(object obj) => obj is Tensor;

    public static bool is_nonzero(Tensor input) => input.is_nonzero();

    public static bool is_floating_point(Tensor input) => input.is_floating_point();

    public static Tensor triu_indices(long row, long col, long offset = 0, ScalarType dtype = ScalarType.Int64, Device? device = null) =>
        Aten.triu_indices.Call(row, col, offset, dtype, Arg.None, Where(device));

    public static Tensor tril_indices(long row, long col, long offset = 0, ScalarType dtype = ScalarType.Int64, Device? device = null) =>
        Aten.tril_indices.Call(row, col, offset, dtype, Arg.None, Where(device));
}

public enum indexing
{
    xy = 0,
    ij = 1,
}

file static class Aten
{
    public static readonly Op cat = new("cat");
    public static readonly Op stack = new("stack");
    public static readonly Op hstack = new("hstack");
    public static readonly Op vstack = new("vstack");
    public static readonly Op einsum = new("einsum");
    public static readonly Op where = new("where");
    public static readonly Op meshgrid = new("meshgrid", "indexing");
    public static readonly Op triu_indices = new("triu_indices");
    public static readonly Op tril_indices = new("tril_indices");
}
