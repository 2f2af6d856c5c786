using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Modules
{
    /// <summary>Rows of a table by index; weight (num_embeddings, embedding_dims).</summary>
    public sealed class Embedding : nn.Module<Tensor, Tensor>
    {
        private readonly long? _paddingIndex;
        private readonly double? _maxNorm;
        private readonly double _normType;
        private readonly bool _scaleGradByFreq;
        private readonly bool _sparse;

        internal Embedding(Parameter weight, long? padding_idx, double? max_norm, double norm_type, bool scale_grad_by_freq, bool sparse) : base(nameof(Embedding))
        {
            _paddingIndex = padding_idx;
            _maxNorm = max_norm;
            _normType = norm_type;
            _scaleGradByFreq = scale_grad_by_freq;
            _sparse = sparse;
            register_parameter(nameof(weight), (Parameter)weight.DetachFromDisposeScope());
        }

        /// <summary>
        /// The table. Each read makes another object for the same native tensor, as in the package: <c>head.weight = wte.weight</c>
        /// ties two modules whose parameters both stay listed.
        /// </summary>
        public Parameter? weight
        {
            get => Weight.Share();
            set
            {
                ArgumentNullException.ThrowIfNull(value, "weight cannot be set to 'null'");
                var previous = Weight;
                var shared = (Parameter)value.Share().DetachFromDisposeScope();
                ConditionallyRegisterParameter(nameof(weight), shared);
                previous.Dispose();
            }
        }

        private Parameter Weight => _internal_params[nameof(weight)];

        public override Tensor forward(Tensor input) =>
            nn.functional.Embed(input, Weight, _paddingIndex, _maxNorm, _normType, _scaleGradByFreq, _sparse);
    }
}

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Embedding Embedding(long num_embeddings, long embedding_dims, long? padding_idx = null, double? max_norm = null, double norm_type = 2.0, bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null)
            {
                var weight = empty(num_embeddings, embedding_dims, dtype, device).AsParameter();
                init.normal_(weight);
                if (padding_idx is { } padding)
                {
                    using (no_grad())
                    using (var row = weight.select(0, padding))
                    {
                        row.zero_();
                    }
                }
                return new Embedding(weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse);
            }

            public static Embedding Embedding_from_pretrained(Tensor embeddings, bool freeze = true, long? padding_idx = null, double? max_norm = null, double norm_type = 2.0, bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null) =>
                new(new Parameter(embeddings.to(dtype ?? embeddings.dtype, device ?? embeddings.device).detach(), !freeze), padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse);
        }
    }
}
