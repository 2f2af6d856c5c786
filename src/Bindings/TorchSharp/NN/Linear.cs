using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Modules
{
    /// <summary>x Wᵀ + b; weight (out_features, in_features).</summary>
    public sealed class Linear : nn.Module<Tensor, Tensor>
    {
        private Parameter? _weight;
        private Parameter? _bias;

        internal Linear(Parameter weight, Parameter? bias) : base(nameof(Linear))
        {
            in_features = weight.shape[1];
            out_features = weight.shape[0];
            this.weight = weight;
            this.bias = bias;
        }

        internal Linear(long inputSize, long outputSize, bool hasBias, Device? device, ScalarType? dtype) : base(nameof(Linear))
        {
            in_features = inputSize;
            out_features = outputSize;
            weight = empty(outputSize, inputSize, device: device, dtype: dtype).AsParameter();
            nn.init.kaiming_uniform_(weight, a: Math.Sqrt(5));
            if (hasBias)
            {
                bias = empty(outputSize, device: device, dtype: dtype).AsParameter();
                var bound = inputSize > 0 ? 1 / Math.Sqrt(inputSize) : 0;
                nn.init.uniform_(bias, -bound, bound);
            }
        }

        public long in_features { get; set; }

        public long out_features { get; set; }

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

        public override Tensor forward(Tensor tensor) => nn.functional.linear(tensor, _weight!, _bias);
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Linear Linear(long inputSize, long outputSize, bool hasBias = true, Device? device = null, ScalarType? dtype = null) =>
                new(inputSize, outputSize, hasBias, device, dtype);

            public static Linear Linear(Parameter weight, Parameter? bias = null) => new(weight, bias);
        }
    }
}
