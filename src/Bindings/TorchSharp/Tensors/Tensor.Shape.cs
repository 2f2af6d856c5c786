using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor as_strided(long[] size, long[] strides, long storageOffset = 0) => Aten.as_strided.Call(this, size, strides, storageOffset);
        public Tensor atleast_1d() => Aten.atleast_1d.Call(this);
        public Tensor atleast_2d() => Aten.atleast_2d.Call(this);
        public Tensor atleast_3d() => Aten.atleast_3d.Call(this);
        public Tensor channel_shuffle(long groups) => Aten.channel_shuffle.Call(this, groups);
        public Tensor diag(long diagonal = 0) => Aten.diag.Call(this, diagonal);
        public Tensor diag_embed(long offset = 0, long dim1 = -2, long dim2 = -1) => Aten.diag_embed.Call(this, offset, dim1, dim2);
        public Tensor diagflat(long offset = 0) => Aten.diagflat.Call(this, offset);
        public Tensor diagonal(long offset = 0, long dim1 = 0, long dim2 = 1) => Aten.diagonal.Call(this, offset, dim1, dim2);
        public Tensor fliplr() => Aten.fliplr.Call(this);
        public Tensor flipud() => Aten.flipud.Call(this);
        public Tensor narrow(long dim, long start, long length) => Aten.narrow.Call(this, dim, start, length);
        public Tensor ravel() => Aten.ravel.Call(this);
        public Tensor resolve_conj() => Aten.resolve_conj.Call(this);
        public Tensor resolve_neg() => Aten.resolve_neg.Call(this);
        public Tensor swapaxes(long dim0, long dim1) => Aten.swapaxes.Call(this, dim0, dim1);
        public Tensor swapdims(long dim0, long dim1) => Aten.swapdims.Call(this, dim0, dim1);
        public Tensor t() => Aten.t.Call(this);
        public Tensor transpose_(long dim0, long dim1) => Aten.transpose_.InPlace(this, dim0, dim1);
        public Tensor unfold(long dimension, long size, long step) => Aten.unfold.Call(this, dimension, size, step);
        public Tensor unsqueeze(long dim) => Aten.unsqueeze.Call(this, dim);
        public Tensor unsqueeze_(long dim) => Aten.unsqueeze_.InPlace(this, dim);
        public Tensor view_as_complex() => Aten.view_as_complex.Call(this);
        public Tensor view_as_real() => Aten.view_as_real.Call(this);
    }
}

file static class Aten
{
    public static readonly Op as_strided = new("as_strided");
    public static readonly Op atleast_1d = new("atleast_1d");
    public static readonly Op atleast_2d = new("atleast_2d");
    public static readonly Op atleast_3d = new("atleast_3d");
    public static readonly Op channel_shuffle = new("channel_shuffle");
    public static readonly Op diag = new("diag");
    public static readonly Op diag_embed = new("diag_embed");
    public static readonly Op diagflat = new("diagflat");
    public static readonly Op diagonal = new("diagonal");
    public static readonly Op fliplr = new("fliplr");
    public static readonly Op flipud = new("flipud");
    public static readonly Op narrow = new("narrow");
    public static readonly Op ravel = new("ravel");
    public static readonly Op resolve_conj = new("resolve_conj");
    public static readonly Op resolve_neg = new("resolve_neg");
    public static readonly Op swapaxes = new("swapaxes");
    public static readonly Op swapdims = new("swapdims");
    public static readonly Op t = new("t");
    public static readonly Op transpose_ = new("transpose_");
    public static readonly Op unfold = new("unfold");
    public static readonly Op unsqueeze = new("unsqueeze");
    public static readonly Op unsqueeze_ = new("unsqueeze_");
    public static readonly Op view_as_complex = new("view_as_complex");
    public static readonly Op view_as_real = new("view_as_real");
}
