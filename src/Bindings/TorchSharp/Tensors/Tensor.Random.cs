using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor normal_(double mean = 0, double std = 1, Generator? generator = null) => Aten.normal_.InPlace(this, mean, std, generator);
        public Tensor uniform_(double from, double to, Generator? generator = null) => Aten.uniform_.InPlace(this, from, to, generator);
        public Tensor random_(double from, double to, Generator? generator = null) => Aten.random__from.InPlace(this, (long)from, (long)to, generator);
        public Tensor bernoulli(Generator? generator = null) => Aten.bernoulli.Call(this, generator);
        public Tensor bernoulli_(double p = 0.5, Generator? generator = null) => Aten.bernoulli__float.InPlace(this, p, generator);
        public Tensor bernoulli_(Tensor p, Generator? generator = null) => Aten.bernoulli__Tensor.InPlace(this, p, generator);
        public Tensor exponential_(double lambda = 1, Generator? generator = null) => Aten.exponential_.InPlace(this, lambda, generator);
        public Tensor geometric_(double p, Generator? generator = null) => Aten.geometric_.InPlace(this, p, generator);
        public Tensor cauchy_(double median = 0, double sigma = 1, Generator? generator = null) => Aten.cauchy_.InPlace(this, median, sigma, generator);
        public Tensor log_normal_(double mean = 0, double std = 1, Generator? generator = null) => Aten.log_normal_.InPlace(this, mean, std, generator);

        /// <summary>Indices drawn from rows of weights, (…, num_samples), Int64.</summary>
        public Tensor multinomial(long num_samples, bool replacement = false, Generator? generator = null) =>
            Aten.multinomial.Call(this, num_samples, replacement, generator);

        public Tensor rand_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Like(Aten.rand_like, dtype, device, requires_grad);
        public Tensor randn_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Like(Aten.randn_like, dtype, device, requires_grad);

        public Tensor randint_like(long low, long high, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Grad(Aten.randint_like_low.Call(this, low, high, dtype, Arg.None, device), requires_grad);

        public Tensor empty_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Like(Aten.empty_like, dtype, device, requires_grad);
        public Tensor zeros_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Like(Aten.zeros_like, dtype, device, requires_grad);
        public Tensor ones_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) => Like(Aten.ones_like, dtype, device, requires_grad);

        public Tensor full_like(Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            Grad(Aten.full_like.Call(this, value, dtype, Arg.None, device), requires_grad);

        public Tensor new_empty(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            empty(size, dtype ?? this.dtype, device ?? this.device, requires_grad);

        public Tensor new_zeros(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            zeros(size, dtype ?? this.dtype, device ?? this.device, requires_grad);

        public Tensor new_ones(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            ones(size, dtype ?? this.dtype, device ?? this.device, requires_grad);

        public Tensor new_full(long[] size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            full(size, value, dtype ?? this.dtype, device ?? this.device, requires_grad);

        private Tensor Like(Op op, ScalarType? dtype, Device? device, bool requires_grad) =>
            Grad(op.Call(this, dtype, Arg.None, device), requires_grad);

        private static Tensor Grad(Tensor tensor, bool requires_grad) => requires_grad ? tensor.requires_grad_() : tensor;
    }
}

file static class Aten
{
    public static readonly Op normal_ = new("normal_");
    public static readonly Op uniform_ = new("uniform_");
    public static readonly Op random__from = new("random_", "from");
    public static readonly Op bernoulli = new("bernoulli");
    public static readonly Op bernoulli__float = new("bernoulli_", "float");
    public static readonly Op bernoulli__Tensor = new("bernoulli_", "Tensor");
    public static readonly Op exponential_ = new("exponential_");
    public static readonly Op geometric_ = new("geometric_");
    public static readonly Op cauchy_ = new("cauchy_");
    public static readonly Op log_normal_ = new("log_normal_");
    public static readonly Op multinomial = new("multinomial");
    public static readonly Op rand_like = new("rand_like");
    public static readonly Op randn_like = new("randn_like");
    public static readonly Op randint_like_low = new("randint_like", "low_dtype");
    public static readonly Op empty_like = new("empty_like");
    public static readonly Op zeros_like = new("zeros_like");
    public static readonly Op ones_like = new("ones_like");
    public static readonly Op full_like = new("full_like");
}
