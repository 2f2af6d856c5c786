using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor logcumsumexp(long dim) => Aten.logcumsumexp.Call(this, dim);
        public Tensor median() => Aten.median.Call(this);
        public Tensor msort() => Aten.msort.Call(this);
        public Tensor nanmedian() => Aten.nanmedian.Call(this);
        public Tensor trace() => Aten.trace.Call(this);
    }
}

file static class Aten
{
    public static readonly Op logcumsumexp = new("logcumsumexp");
    public static readonly Op median = new("median");
    public static readonly Op msort = new("msort");
    public static readonly Op nanmedian = new("nanmedian");
    public static readonly Op trace = new("trace");
}
