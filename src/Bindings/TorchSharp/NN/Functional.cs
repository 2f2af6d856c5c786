using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public enum Reduction : long
        {
            None = 0,
            Mean = 1,
            Sum = 2,
        }

        public static partial class functional
        {
            /// <summary>input @ weightsᵀ + bias.</summary>
            public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null) =>
                HasFewRows(input, weights) ? Aten.linear_few_rows.Call(input, weights, bias) : Aten.linear.Call(input, weights, bias);

            // Up to where products of matrix and vector beat the product of matrices that libtorch asks for (native/linear.cpp)
            private const int FewRows = 8;

            private static bool HasFewRows(Tensor input, Tensor weights) =>
                !is_grad_enabled()
                && input.dtype == ScalarType.Float32 && input.device_type == DeviceType.CPU
                && weights.dtype == ScalarType.Float32 && weights.device_type == DeviceType.CPU
                && weights.dim() == 2 && input.dim() > 1 && input.size(-1) == weights.size(1)
                && input.numel() is > 0 and var elements && elements <= FewRows * weights.size(1);

            public static Tensor layer_norm(Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1e-05) =>
                Aten.layer_norm.Call(input, normalized_shape, weight, bias, eps);

            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false) => inplace
                ? Aten.dropout_.InPlace(input, p, training).alias()
                : Aten.dropout.Call(input, p, training);

            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

            public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);

            public static Tensor gelu(Tensor x) => x.gelu();

            public static Tensor gelu(Tensor x, bool inplace) => inplace ? x.gelu_().alias() : x.gelu();

            public static Tensor relu(Tensor x, bool inplace = false) => inplace ? x.relu_().alias() : x.relu();

            public static Tensor silu(Tensor x, bool inplace = false) => inplace ? x.silu_().alias() : x.silu();

            public static Tensor tanh(Tensor x, bool inplace = false) => inplace ? x.tanh_().alias() : x.tanh();

            public static Tensor sigmoid(Tensor x) => x.sigmoid();

            public static Tensor sigmoid(Tensor x, bool inplace) => inplace ? x.sigmoid_().alias() : x.sigmoid();

            public static Tensor leaky_relu(Tensor input, double negative_slope = 0.01, bool inplace = false) => inplace ? input.leaky_relu_(negative_slope).alias() : input.leaky_relu(negative_slope);

            public static Tensor softplus(Tensor x, double beta = 1, double threshold = 20) => x.softplus(beta, threshold);

            public static Tensor one_hot(Tensor x, long num_classes = -1) => Aten.one_hot.Call(x, num_classes);

            public static Tensor normalize(Tensor input, double p = 2, long dim = 1, double eps = 1e-12)
            {
                using var length = input.norm((int)dim, keepdim: true, (float)p);
                using var bounded = length.clamp_min(eps);
                return input / bounded;
            }

            /// <summary>−log softmax at the target, over all rows but those of <paramref name="ignore_index"/>.</summary>
            public static Tensor cross_entropy(Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100, Reduction reduction = Reduction.Mean, double label_smoothing = 0.0) =>
                Aten.cross_entropy_loss.Call(input, target, weight, (long)reduction, ignore_index, label_smoothing);

            public static Tensor nll_loss(Tensor input, Tensor target, Tensor? weight = null, Reduction reduction = Reduction.Mean) =>
                Aten.nll_loss_nd.Call(input, target, weight, (long)reduction);

            public static Tensor mse_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) => Aten.mse_loss.Call(input, target, (long)reduction);

            /// <summary>
            /// softmax(Q Kᵀ / √d + mask) V. A boolean mask says where to look; a floating one is added. The causal mask is aligned
            /// with the first key, which is right only where there are as many queries as keys.
            /// </summary>
            /// <exception cref="ArgumentException">Both a mask and <paramref name="is_casual"/>.</exception>
            public static Tensor scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask = null, double p = 0.0, bool is_casual = false)
            {
                if (p < 0)
                {
                    throw new ArgumentException("Dropout probability must be greater than or equal to zero.");
                }
                if (is_casual && attn_mask is not null)
                {
                    throw new ArgumentException("Casual attention masking cannot pass a mask.");
                }
                if (Aten.scaled_dot_product_attention.Exists)
                {
                    return Aten.scaled_dot_product_attention.Call(query, key, value, attn_mask, p, is_casual);
                }
                // Before 2.0 the operator was private and returned its weights too.
                var (result, weights) = Aten._scaled_dot_product_attention.Call2(query, key, value, attn_mask, p, false, is_casual);
                weights.Dispose();
                return result;
            }

            internal static Tensor Embed(Tensor input, Tensor weight, long? padding_idx, double? max_norm, double norm_type, bool scale_grad_by_freq, bool sparse)
            {
                if (max_norm is { } limit)
                {
                    using var _ = no_grad();
                    Aten.embedding_renorm_.Run(weight, input, limit, norm_type);
                }
                var padding = padding_idx ?? -1;
                return Aten.embedding.Call(weight, input, padding < -1 ? padding + weight.size(0) : padding, scale_grad_by_freq, sparse);
            }
        }
    }
}

file static class Aten
{
    public static readonly Op linear = new("linear");
    public static readonly Op linear_few_rows = new("tkv::linear_few_rows");
    public static readonly Op embedding = new("embedding");
    public static readonly Op embedding_renorm_ = new("embedding_renorm_");
    public static readonly Op layer_norm = new("layer_norm");
    public static readonly Op dropout = new("dropout");
    public static readonly Op dropout_ = new("dropout_");
    public static readonly Op one_hot = new("one_hot");
    public static readonly Op cross_entropy_loss = new("cross_entropy_loss");
    public static readonly Op nll_loss_nd = new("nll_loss_nd");
    public static readonly Op mse_loss = new("mse_loss");
    public static readonly Op scaled_dot_product_attention = new("scaled_dot_product_attention");
    public static readonly Op _scaled_dot_product_attention = new("_scaled_dot_product_attention");
}
