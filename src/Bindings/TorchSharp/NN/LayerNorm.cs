using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Modules
{
    /// <summary>Normalises the last dimensions to mean 0 and variance 1, then scales and shifts.</summary>
    public sealed class LayerNorm : nn.Module<Tensor, Tensor>
    {
        private Parameter? _weight;
        private Parameter? _bias;

        internal LayerNorm(long[] normalized_shape, double eps, bool elementwise_affine, bool bias, Device? device, ScalarType? dtype) : base(nameof(LayerNorm))
        {
            this.normalized_shape = normalized_shape;
            this.eps = eps;
            this.elementwise_affine = elementwise_affine;
            if (elementwise_affine)
            {
                weight = new Parameter(empty(normalized_shape, dtype, device));
                if (bias)
                {
                    this.bias = new Parameter(empty(normalized_shape, dtype, device));
                }
            }
            reset_parameters();
        }

        public long[] normalized_shape { get; set; }

        public double eps { get; set; }

        public bool elementwise_affine { get; set; }

        public Parameter weight
        {
            get => _weight!;
            set
            {
                ArgumentNullException.ThrowIfNull(value, nameof(weight));
                if (!ReferenceEquals(value, _weight))
                {
                    _weight?.Dispose();
                    _weight = (Parameter)value.DetachFromDisposeScope();
                    ConditionallyRegisterParameter(nameof(weight), _weight);
                }
            }
        }

        public Parameter? bias
        {
            get => _bias;
            set
            {
                if (!ReferenceEquals(value, _bias))
                {
                    _bias?.Dispose();
                    _bias = value?.DetachFromDisposeScope() as Parameter;
                    ConditionallyRegisterParameter(nameof(bias), _bias);
                }
            }
        }

        public void reset_parameters()
        {
            if (_weight is not null)
            {
                nn.init.ones_(_weight);
            }
            if (_bias is not null)
            {
                nn.init.zeros_(_bias);
            }
        }

        public override Tensor forward(Tensor tensor) => nn.functional.layer_norm(tensor, normalized_shape, _weight, _bias, eps);
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static LayerNorm LayerNorm(long[] normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true, Device? device = null, ScalarType? dtype = null) =>
                new(normalized_shape, eps, elementwise_affine, bias, device, dtype);

            public static LayerNorm LayerNorm(long normalized_shape, double eps = 1e-05, bool elementwise_affine = true, bool bias = true, Device? device = null, ScalarType? dtype = null) =>
                new([normalized_shape], eps, elementwise_affine, bias, device, dtype);
        }
    }
}
