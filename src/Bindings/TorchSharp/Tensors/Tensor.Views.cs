using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    // Where the package takes `params long[]`, there is an overload for spans too: `x.view(b, t, d)` then makes no array.
    public unsafe partial class Tensor
    {
        public Tensor T => numpy_T();

        public Tensor mT => transpose(-2, -1);

        public Tensor view(params long[] shape) => view((ReadOnlySpan<long>)shape);

        public Tensor view(params ReadOnlySpan<long> shape)
        {
            fixed (long* _ = shape)
            {
                return Aten.view.Call(this, Arg.List(shape));
            }
        }

        public Tensor view_as(Tensor other) => view(other.shape);

        public Tensor reshape(params long[] shape) => reshape((ReadOnlySpan<long>)shape);

        public Tensor reshape(params ReadOnlySpan<long> shape)
        {
            fixed (long* _ = shape)
            {
                return Aten.reshape.Call(this, Arg.List(shape));
            }
        }

        public Tensor permute(params long[] permutation) => permute((ReadOnlySpan<long>)permutation);

        public Tensor permute(params ReadOnlySpan<long> permutation)
        {
            fixed (long* _ = permutation)
            {
                return Aten.permute.Call(this, Arg.List(permutation));
            }
        }

        public Tensor permute(IEnumerable<long> permutation) => permute(permutation.ToArray());

        public Tensor expand(Size sizes, bool isImplicit = false) => expand(sizes.Shape, isImplicit);

        public Tensor expand(long[] sizes, bool isImplicit = false) => expand((ReadOnlySpan<long>)sizes, isImplicit);

        public Tensor expand(ReadOnlySpan<long> sizes, bool isImplicit = false)
        {
            fixed (long* _ = sizes)
            {
                return Aten.expand.Call(this, Arg.List(sizes), isImplicit);
            }
        }

        public Tensor expand(params long[] sizes) => expand((ReadOnlySpan<long>)sizes, false);

        public Tensor expand_as(Tensor other) => expand(other.shape);

        public Tensor broadcast_to(params long[] shape) => Aten.broadcast_to.Call(this, shape);

        public Tensor transpose(long dim0, long dim1) => Aten.transpose_int.Call(this, dim0, dim1);

        public Tensor select(long dim, long index) => Aten.select_int.Call(this, dim, index);

        public Tensor slice(long dim, long start, long finish, long step) => Aten.slice_Tensor.Call(this, dim, start, finish, step);

        public Tensor squeeze(long? dim = null) => dim is { } which ? Aten.squeeze_dim.Call(this, which) : Aten.squeeze.Call(this);

        public Tensor squeeze_(long? dim = null) => dim is { } which ? Aten.squeeze__dim.InPlace(this, which) : Aten.squeeze_.InPlace(this);

        public Tensor flatten(long start_dim = 0, long end_dim = -1) => Aten.flatten.Call(this, start_dim, end_dim);

        public Tensor unflatten(long dim, params long[] sizes)
        {
            var axis = (int)(dim < 0 ? dim + ndim : dim);
            long[] before = shape;
            return view([.. before[..axis], .. sizes, .. before[(axis + 1)..]]);
        }

        public Tensor unflatten(long dim, Size sizes) => unflatten(dim, sizes.Shape);

        public Tensor repeat(params long[] sizes) => Aten.repeat.Call(this, sizes);

        public Tensor tile(long[] reps) => Aten.tile.Call(this, reps);

        public Tensor repeat_interleave(long repeats, long? dim = null, long? output_size = null) =>
            Aten.repeat_interleave_self_int.Call(this, repeats, dim, output_size);

        public Tensor repeat_interleave(Tensor repeats, long? dim = null, long? output_size = null) =>
            Aten.repeat_interleave_self_Tensor.Call(this, repeats, dim, output_size);

        public Tensor flip(params long[] dims) => Aten.flip.Call(this, dims);

        public Tensor roll(long shifts, long? dims = null) => Aten.roll.Call(this, (long[])[shifts], dims is { } dim ? [dim] : Array.Empty<long>());

        public Tensor roll(long[] shifts, long[] dims) => Aten.roll.Call(this, shifts, dims);

        public Tensor roll(long[] shifts) => Aten.roll.Call(this, shifts, Array.Empty<long>());

        public Tensor movedim(long[] source, long[] destination) => Aten.movedim_intlist.Call(this, source, destination);

        public Tensor moveaxis(long[] source, long[] destination) => movedim(source, destination);

        public Tensor[] split(long size, int dim = 0) => Aten.split_Tensor.CallList(this, size, dim);

        public Tensor[] split(long[] sizes, long dim = 0) => Aten.split_with_sizes.CallList(this, sizes, dim);

        public Tensor[] split(ReadOnlySpan<long> sizes, long dim = 0) => split(sizes.ToArray(), dim);

        public Tensor[] split(params long[] sizes) => split(sizes, 0L);

        public Tensor[] tensor_split(long size, long dim = 0) => Aten.tensor_split_sections.CallList(this, size, dim);

        public Tensor[] tensor_split(long[] sizes, long dim = 0) => Aten.tensor_split_indices.CallList(this, sizes, dim);

        public Tensor[] chunk(long chunks, long dim = 0) => Aten.chunk.CallList(this, chunks, dim);

        public Tensor[] unbind(long dimension = 0) => Aten.unbind_int.CallList(this, dimension);

        public Tensor tril(long diagonal = 0) => Aten.tril.Call(this, diagonal);

        public Tensor tril_(long diagonal = 0) => Aten.tril_.InPlace(this, diagonal);

        public Tensor triu(long diagonal = 0) => Aten.triu.Call(this, diagonal);

        public Tensor triu_(long diagonal = 0) => Aten.triu_.InPlace(this, diagonal);

        private Tensor numpy_T() => Aten.numpy_T.Call(this);
    }
}

file static class Aten
{
    public static readonly Op view = new("view");
    public static readonly Op reshape = new("reshape");
    public static readonly Op permute = new("permute");
    public static readonly Op expand = new("expand");
    public static readonly Op broadcast_to = new("broadcast_to");
    public static readonly Op transpose_int = new("transpose", "int");
    public static readonly Op select_int = new("select", "int");
    public static readonly Op slice_Tensor = new("slice", "Tensor");
    public static readonly Op squeeze = new("squeeze");
    public static readonly Op squeeze_dim = new("squeeze", "dim");
    public static readonly Op squeeze_ = new("squeeze_");
    public static readonly Op squeeze__dim = new("squeeze_", "dim");
    public static readonly Op flatten = new("flatten", "using_ints");
    public static readonly Op repeat = new("repeat");
    public static readonly Op tile = new("tile");
    public static readonly Op repeat_interleave_self_int = new("repeat_interleave", "self_int");
    public static readonly Op repeat_interleave_self_Tensor = new("repeat_interleave", "self_Tensor");
    public static readonly Op flip = new("flip");
    public static readonly Op roll = new("roll");
    public static readonly Op movedim_intlist = new("movedim", "intlist");
    public static readonly Op split_Tensor = new("split", "Tensor");
    public static readonly Op split_with_sizes = new("split_with_sizes");
    public static readonly Op tensor_split_sections = new("tensor_split", "sections");
    public static readonly Op tensor_split_indices = new("tensor_split", "indices");
    public static readonly Op chunk = new("chunk");
    public static readonly Op unbind_int = new("unbind", "int");
    public static readonly Op numpy_T = new("numpy_T");
    public static readonly Op tril = new("tril");
    public static readonly Op tril_ = new("tril_");
    public static readonly Op triu = new("triu");
    public static readonly Op triu_ = new("triu_");
}
