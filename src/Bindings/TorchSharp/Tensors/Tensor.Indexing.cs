using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor argwhere() => Aten.argwhere.Call(this);
        public Tensor bucketize(Tensor boundaries, bool outInt32 = false, bool right = false) => Aten.bucketize_Tensor.Call(this, boundaries, outInt32, right);
        public Tensor gather(long dim, Tensor index) => Aten.gather.Call(this, dim, index);
        public Tensor index_copy(long dim, Tensor index, Tensor source) => Aten.index_copy.Call(this, dim, index, source);
        public Tensor index_copy_(long dim, Tensor index, Tensor source) => Aten.index_copy_.InPlace(this, dim, index, source);
        public Tensor index_fill(long dim, Tensor index, Scalar value) => Aten.index_fill_int_Scalar.Call(this, dim, index, value);
        public Tensor index_fill_(long dim, Tensor index, Scalar value) => Aten.index_fill__int_Scalar.InPlace(this, dim, index, value);
        public Tensor index_select(long dim, Tensor index) => Aten.index_select.Call(this, dim, index);
        public Tensor masked_fill(Tensor mask, Scalar value) => Aten.masked_fill_Scalar.Call(this, mask, value);
        public Tensor masked_fill_(Tensor mask, Scalar value) => Aten.masked_fill__Scalar.InPlace(this, mask, value);
        public Tensor masked_scatter(Tensor mask, Tensor value) => Aten.masked_scatter.Call(this, mask, value);
        public Tensor masked_scatter_(Tensor mask, Tensor value) => Aten.masked_scatter_.InPlace(this, mask, value);
        public Tensor nonzero() => Aten.nonzero.Call(this);
        public Tensor scatter(long dim, Tensor index, Tensor src) => Aten.scatter_src.Call(this, dim, index, src);
        public Tensor scatter_(long dim, Tensor index, Tensor src) => Aten.scatter__src.InPlace(this, dim, index, src);
        public Tensor scatter_add(long dim, Tensor index, Tensor src) => Aten.scatter_add.Call(this, dim, index, src);
        public Tensor scatter_add_(long dim, Tensor index, Tensor src) => Aten.scatter_add_.InPlace(this, dim, index, src);
        public Tensor take(Tensor index) => Aten.take.Call(this, index);
    }
}

file static class Aten
{
    public static readonly Op argwhere = new("argwhere");
    public static readonly Op bucketize_Tensor = new("bucketize", "Tensor");
    public static readonly Op gather = new("gather");
    public static readonly Op index_copy = new("index_copy");
    public static readonly Op index_copy_ = new("index_copy_");
    public static readonly Op index_fill_int_Scalar = new("index_fill", "int_Scalar");
    public static readonly Op index_fill__int_Scalar = new("index_fill_", "int_Scalar");
    public static readonly Op index_select = new("index_select");
    public static readonly Op masked_fill_Scalar = new("masked_fill", "Scalar");
    public static readonly Op masked_fill__Scalar = new("masked_fill_", "Scalar");
    public static readonly Op masked_scatter = new("masked_scatter");
    public static readonly Op masked_scatter_ = new("masked_scatter_");
    public static readonly Op nonzero = new("nonzero");
    public static readonly Op scatter_src = new("scatter", "src");
    public static readonly Op scatter__src = new("scatter_", "src");
    public static readonly Op scatter_add = new("scatter_add");
    public static readonly Op scatter_add_ = new("scatter_add_");
    public static readonly Op take = new("take");
}
