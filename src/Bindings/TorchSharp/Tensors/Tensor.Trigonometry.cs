using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor acos() => Aten.acos.Call(this);
        public Tensor acos_() => Aten.acos_.InPlace(this);
        public Tensor acosh() => Aten.acosh.Call(this);
        public Tensor acosh_() => Aten.acosh_.InPlace(this);
        public Tensor angle() => Aten.angle.Call(this);
        public Tensor arccos() => Aten.arccos.Call(this);
        public Tensor arccos_() => Aten.arccos_.InPlace(this);
        public Tensor arccosh() => Aten.arccosh.Call(this);
        public Tensor arccosh_() => Aten.arccosh_.InPlace(this);
        public Tensor arcsin() => Aten.arcsin.Call(this);
        public Tensor arcsin_() => Aten.arcsin_.InPlace(this);
        public Tensor arcsinh() => Aten.arcsinh.Call(this);
        public Tensor arcsinh_() => Aten.arcsinh_.InPlace(this);
        public Tensor arctan() => Aten.arctan.Call(this);
        public Tensor arctan_() => Aten.arctan_.InPlace(this);
        public Tensor arctan2(Tensor other) => Aten.arctan2.Call(this, other);
        public Tensor arctan2_(Tensor other) => Aten.arctan2_.InPlace(this, other);
        public Tensor arctanh() => Aten.arctanh.Call(this);
        public Tensor arctanh_() => Aten.arctanh_.InPlace(this);
        public Tensor asin() => Aten.asin.Call(this);
        public Tensor asin_() => Aten.asin_.InPlace(this);
        public Tensor asinh() => Aten.asinh.Call(this);
        public Tensor asinh_() => Aten.asinh_.InPlace(this);
        public Tensor atan() => Aten.atan.Call(this);
        public Tensor atan_() => Aten.atan_.InPlace(this);
        public Tensor atan2(Tensor other) => Aten.atan2.Call(this, other);
        public Tensor atan2_(Tensor other) => Aten.atan2_.InPlace(this, other);
        public Tensor atanh() => Aten.atanh.Call(this);
        public Tensor atanh_() => Aten.atanh_.InPlace(this);
        public Tensor cos() => Aten.cos.Call(this);
        public Tensor cos_() => Aten.cos_.InPlace(this);
        public Tensor cosh() => Aten.cosh.Call(this);
        public Tensor cosh_() => Aten.cosh_.InPlace(this);
        public Tensor deg2rad() => Aten.deg2rad.Call(this);
        public Tensor deg2rad_() => Aten.deg2rad_.InPlace(this);
        public Tensor hypot(Tensor other) => Aten.hypot.Call(this, other);
        public Tensor rad2deg() => Aten.rad2deg.Call(this);
        public Tensor rad2deg_() => Aten.rad2deg_.InPlace(this);
        public Tensor sin() => Aten.sin.Call(this);
        public Tensor sin_() => Aten.sin_.InPlace(this);
        public Tensor sinc() => Aten.sinc.Call(this);
        public Tensor sinc_() => Aten.sinc_.InPlace(this);
        public Tensor sinh() => Aten.sinh.Call(this);
        public Tensor sinh_() => Aten.sinh_.InPlace(this);
        public Tensor tan() => Aten.tan.Call(this);
        public Tensor tan_() => Aten.tan_.InPlace(this);
        public Tensor tanh() => Aten.tanh.Call(this);
        public Tensor tanh_() => Aten.tanh_.InPlace(this);
    }
}

file static class Aten
{
    public static readonly Op acos = new("acos");
    public static readonly Op acos_ = new("acos_");
    public static readonly Op acosh = new("acosh");
    public static readonly Op acosh_ = new("acosh_");
    public static readonly Op angle = new("angle");
    public static readonly Op arccos = new("arccos");
    public static readonly Op arccos_ = new("arccos_");
    public static readonly Op arccosh = new("arccosh");
    public static readonly Op arccosh_ = new("arccosh_");
    public static readonly Op arcsin = new("arcsin");
    public static readonly Op arcsin_ = new("arcsin_");
    public static readonly Op arcsinh = new("arcsinh");
    public static readonly Op arcsinh_ = new("arcsinh_");
    public static readonly Op arctan = new("arctan");
    public static readonly Op arctan_ = new("arctan_");
    public static readonly Op arctan2 = new("arctan2");
    public static readonly Op arctan2_ = new("arctan2_");
    public static readonly Op arctanh = new("arctanh");
    public static readonly Op arctanh_ = new("arctanh_");
    public static readonly Op asin = new("asin");
    public static readonly Op asin_ = new("asin_");
    public static readonly Op asinh = new("asinh");
    public static readonly Op asinh_ = new("asinh_");
    public static readonly Op atan = new("atan");
    public static readonly Op atan_ = new("atan_");
    public static readonly Op atan2 = new("atan2");
    public static readonly Op atan2_ = new("atan2_");
    public static readonly Op atanh = new("atanh");
    public static readonly Op atanh_ = new("atanh_");
    public static readonly Op cos = new("cos");
    public static readonly Op cos_ = new("cos_");
    public static readonly Op cosh = new("cosh");
    public static readonly Op cosh_ = new("cosh_");
    public static readonly Op deg2rad = new("deg2rad");
    public static readonly Op deg2rad_ = new("deg2rad_");
    public static readonly Op hypot = new("hypot");
    public static readonly Op rad2deg = new("rad2deg");
    public static readonly Op rad2deg_ = new("rad2deg_");
    public static readonly Op sin = new("sin");
    public static readonly Op sin_ = new("sin_");
    public static readonly Op sinc = new("sinc");
    public static readonly Op sinc_ = new("sinc_");
    public static readonly Op sinh = new("sinh");
    public static readonly Op sinh_ = new("sinh_");
    public static readonly Op tan = new("tan");
    public static readonly Op tan_ = new("tan_");
    public static readonly Op tanh = new("tanh");
    public static readonly Op tanh_ = new("tanh_");
}
