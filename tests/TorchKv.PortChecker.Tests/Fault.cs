using static TorchSharp.torch;

namespace TorchKv.PortChecking.Tests;

/// <summary>
/// What the small article model computes; a planted mistake overrides one method. The counterpart of
/// tests/trace/article_model.py.
/// </summary>
internal class Fault
{
    public virtual Tensor Positions(long start, long count) => arange(start, start + count, dtype: ScalarType.Int64);

    public virtual Tensor Activation(int layer, Tensor x) =>
        0.5 * x * (1 + tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x.pow(3))));

    public virtual Tensor Normalise(Tensor x, Tensor scale, Tensor shift)
    {
        var mean = x.mean([-1], keepdim: true);
        var centred = x - mean;
        return scale * centred / (centred.pow(2).mean([-1], keepdim: true) + 1e-5).sqrt() + shift;
    }

    public virtual double Scale(int layer, long headDim) => 1 / Math.Sqrt(headDim);

    /// <summary>True where a query may not see a key.</summary>
    public virtual Tensor Hidden(int layer, long past, long count, long keys) =>
        arange(keys, dtype: ScalarType.Int64).unsqueeze(0)
            > (arange(count, dtype: ScalarType.Int64) + (keys - count)).unsqueeze(1);

    public virtual Tensor Split(Tensor x, long heads) => x.view(x.size(0), x.size(1), heads, -1).transpose(1, 2);

    public virtual Tensor Join(Tensor x) => x.transpose(1, 2).contiguous().view(x.size(0), x.size(2), -1);

    public virtual Tensor Cached(int layer, bool keys, Tensor? cache, Tensor added) =>
        cache is null ? added : cat([cache, added], 2);

    public virtual Tensor Residual(int layer, bool attention, Tensor shortcut, Tensor x) => shortcut + x;

    /// <summary>Attention in one kernel, whose weights no module sees; null: step by step.</summary>
    public virtual Tensor? Fused(Tensor queries, Tensor keys, Tensor values) => null;

    public virtual Tensor Softmax(Tensor scores) => softmax(scores, -1);

    public virtual Tensor Output(string module, Tensor x) => x;

    public virtual void Prepare(FaultyModel model)
    {
    }
}
