using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor addbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) => Aten.addbmm.Call(this, batch1, batch2, (double)beta, (double)alpha);
        public Tensor addbmm_(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) => Aten.addbmm_.InPlace(this, batch1, batch2, (double)beta, (double)alpha);
        public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) => Aten.addmm.Call(this, mat1, mat2, (double)beta, (double)alpha);
        public Tensor addmm_(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) => Aten.addmm_.InPlace(this, mat1, mat2, (double)beta, (double)alpha);
        public Tensor addmv(Tensor mat, Tensor vec, float beta = 1, float alpha = 1) => Aten.addmv.Call(this, mat, vec, (double)beta, (double)alpha);
        public Tensor addmv_(Tensor mat, Tensor vec, float beta = 1, float alpha = 1) => Aten.addmv_.InPlace(this, mat, vec, (double)beta, (double)alpha);
        public Tensor addr(Tensor vec1, Tensor vec2, float beta = 1, float alpha = 1) => Aten.addr.Call(this, vec1, vec2, (double)beta, (double)alpha);
        public Tensor addr_(Tensor vec1, Tensor vec2, float beta = 1, float alpha = 1) => Aten.addr_.InPlace(this, vec1, vec2, (double)beta, (double)alpha);
        public Tensor adjoint() => Aten.adjoint.Call(this);
        public Tensor baddbmm(Tensor batch1, Tensor batch2, float beta = 1, float alpha = 1) => Aten.baddbmm.Call(this, batch1, batch2, (double)beta, (double)alpha);
        public Tensor bmm(Tensor batch2) => Aten.bmm.Call(this, batch2);
        public Tensor det() => Aten.det.Call(this);
        public Tensor dot(Tensor target) => Aten.dot.Call(this, target);
        public Tensor ger(Tensor vec2) => Aten.ger.Call(this, vec2);
        public Tensor inner(Tensor vec2) => Aten.inner.Call(this, vec2);
        public Tensor inverse() => Aten.inverse.Call(this);
        public Tensor kron(Tensor other) => Aten.kron.Call(this, other);
        public Tensor logdet() => Aten.logdet.Call(this);
        public Tensor matmul(Tensor target) => Aten.matmul.Call(this, target);
        public Tensor matrix_exp() => Aten.matrix_exp.Call(this);
        public Tensor mm(Tensor target) => Aten.mm.Call(this, target);
        public Tensor mv(Tensor target) => Aten.mv.Call(this, target);
        public Tensor outer(Tensor vec2) => Aten.outer.Call(this, vec2);
        public Tensor vdot(Tensor target) => Aten.vdot.Call(this, target);
    }
}

file static class Aten
{
    public static readonly Op addbmm = new("addbmm");
    public static readonly Op addbmm_ = new("addbmm_");
    public static readonly Op addmm = new("addmm");
    public static readonly Op addmm_ = new("addmm_");
    public static readonly Op addmv = new("addmv");
    public static readonly Op addmv_ = new("addmv_");
    public static readonly Op addr = new("addr");
    public static readonly Op addr_ = new("addr_");
    public static readonly Op adjoint = new("adjoint");
    public static readonly Op baddbmm = new("baddbmm");
    public static readonly Op bmm = new("bmm");
    public static readonly Op det = new("det");
    public static readonly Op dot = new("dot");
    public static readonly Op ger = new("ger");
    public static readonly Op inner = new("inner");
    public static readonly Op inverse = new("inverse");
    public static readonly Op kron = new("kron");
    public static readonly Op logdet = new("logdet");
    public static readonly Op matmul = new("matmul");
    public static readonly Op matrix_exp = new("matrix_exp");
    public static readonly Op mm = new("mm");
    public static readonly Op mv = new("mv");
    public static readonly Op outer = new("outer");
    public static readonly Op vdot = new("vdot");
}
