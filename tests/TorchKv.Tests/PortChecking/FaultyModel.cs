using TorchKv.Runtime.Cpu.Kernels;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchKv.Tests.PortChecking;

/// <summary>What the small article model computes; a planted mistake overrides one method. The counterpart of tests/trace/article_model.py.</summary>
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
        arange(keys, dtype: ScalarType.Int64).unsqueeze(0) > (arange(count, dtype: ScalarType.Int64) + (keys - count)).unsqueeze(1);

    public virtual Tensor Split(Tensor x, long heads) => x.view(x.size(0), x.size(1), heads, -1).transpose(1, 2);

    public virtual Tensor Join(Tensor x) => x.transpose(1, 2).contiguous().view(x.size(0), x.size(2), -1);

    public virtual Tensor Cached(int layer, bool keys, Tensor? cache, Tensor added) => cache is null ? added : cat([cache, added], 2);

    public virtual Tensor Residual(int layer, bool attention, Tensor shortcut, Tensor x) => shortcut + x;

    /// <summary>Attention in one kernel, whose weights no module sees; null: step by step.</summary>
    public virtual Tensor? Fused(Tensor queries, Tensor keys, Tensor values) => null;

    public virtual Tensor Softmax(Tensor scores) => softmax(scores, -1);

    public virtual Tensor Output(string module, Tensor x) => x;

    public virtual void Prepare(FaultyModel model)
    {
    }
}

/// <summary>The article's model with the weights of a seed, and a mistake.</summary>
internal sealed class FaultyModel : nn.Module<Tensor, bool, Tensor>
{
    public const int Width = 24, Heads = 3, Layers = 2;

    public readonly Embedding tok_emb = nn.Embedding(67, Width);
    public readonly Embedding pos_emb = nn.Embedding(24, Width);
    public readonly Dropout drop_emb = nn.Dropout(0.1);
    public readonly ModuleList<Block> trf_blocks;
    public readonly Norm final_norm;
    public readonly Linear out_head;
    private readonly Fault fault;
    private long position;

    public FaultyModel(Fault fault)
        : base(nameof(FaultyModel))
    {
        this.fault = fault;
        trf_blocks = nn.ModuleList(Enumerable.Range(0, Layers).Select(layer => new Block(layer, fault)).ToArray());
        final_norm = new Norm(fault);
        out_head = nn.Linear(Width, 67, hasBias: false);
        RegisterComponents();
    }

    public static FaultyModel Build(Fault fault, long seed = 123)
    {
        random.manual_seed(seed);
        var model = new FaultyModel(fault);
        model.eval();
        fault.Prepare(model);
        return model;
    }

    public override Tensor forward(Tensor ids, bool useCache)
    {
        var x = tok_emb.call(ids) + pos_emb.call(fault.Positions(useCache ? position : 0, ids.size(1)));
        position += useCache ? ids.size(1) : 0;
        x = drop_emb.call(x);
        foreach (var block in trf_blocks)
        {
            x = block.call(x, useCache);
        }

        return out_head.call(final_norm.call(x));
    }

    internal sealed class Norm : nn.Module<Tensor, Tensor>
    {
        public readonly Parameter scale = nn.Parameter(ones(Width));
        public readonly Parameter shift = nn.Parameter(zeros(Width));
        private readonly Fault fault;

        public Norm(Fault fault)
            : base(nameof(Norm))
        {
            this.fault = fault;
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => fault.Normalise(x, scale, shift);
    }

    internal sealed class Gelu : nn.Module<Tensor, Tensor>
    {
        private readonly int layer;
        private readonly Fault fault;

        public Gelu(int layer, Fault fault)
            : base(nameof(Gelu)) => (this.layer, this.fault) = (layer, fault);

        public override Tensor forward(Tensor x) => fault.Activation(layer, x);
    }

    internal sealed class FeedForward : nn.Module<Tensor, Tensor>
    {
        public readonly Sequential layers;

        public FeedForward(int layer, Fault fault)
            : base(nameof(FeedForward))
        {
            layers = nn.Sequential(nn.Linear(Width, 4 * Width), new Gelu(layer, fault), nn.Linear(4 * Width, Width));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => layers.call(x);
    }

    internal sealed class Attention : nn.Module<Tensor, bool, Tensor>
    {
        public readonly Linear W_query = nn.Linear(Width, Width);
        public readonly Linear W_key = nn.Linear(Width, Width);
        public readonly Linear W_value = nn.Linear(Width, Width);
        public readonly Linear out_proj = nn.Linear(Width, Width);
        public readonly Dropout dropout = nn.Dropout(0.1);
        private readonly int layer;
        private readonly Fault fault;
        private Tensor? cacheK, cacheV;

        public Attention(int layer, Fault fault)
            : base(nameof(Attention))
        {
            (this.layer, this.fault) = (layer, fault);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x, bool useCache)
        {
            var count = x.size(1);
            var keys = fault.Split(fault.Output("key", W_key.call(x)), Heads);
            var values = fault.Split(fault.Output("value", W_value.call(x)), Heads);
            var queries = fault.Split(fault.Output("query", W_query.call(x)), Heads);
            var past = useCache && cacheK is not null ? cacheK.size(2) : 0;
            if (useCache)
            {
                // The cache outlives the step.
                cacheK = fault.Cached(layer, true, cacheK, keys).DetachFromDisposeScope();
                cacheV = fault.Cached(layer, false, cacheV, values).DetachFromDisposeScope();
                (keys, values) = (cacheK, cacheV);
            }

            if (fault.Fused(queries, keys, values) is { } context)
            {
                return out_proj.call(fault.Join(context));
            }

            var scores = matmul(queries, keys.transpose(2, 3)) * fault.Scale(layer, queries.size(-1));
            scores = scores.masked_fill(fault.Hidden(layer, past, count, keys.size(2)), double.NegativeInfinity);
            var weights = dropout.call(fault.Softmax(scores));
            return out_proj.call(fault.Join(matmul(weights, values)));
        }
    }

    internal sealed class Block : nn.Module<Tensor, bool, Tensor>
    {
        public readonly Attention att;
        public readonly FeedForward ff;
        public readonly Norm norm1, norm2;
        public readonly Dropout drop_shortcut = nn.Dropout(0.1);
        private readonly int layer;
        private readonly Fault fault;

        public Block(int layer, Fault fault)
            : base(nameof(Block))
        {
            (this.layer, this.fault) = (layer, fault);
            att = new Attention(layer, fault);
            ff = new FeedForward(layer, fault);
            norm1 = new Norm(fault);
            norm2 = new Norm(fault);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x, bool useCache)
        {
            x = fault.Residual(layer, true, x, drop_shortcut.call(att.call(norm1.call(x), useCache)));
            return fault.Residual(layer, false, x, drop_shortcut.call(ff.call(norm2.call(x))));
        }
    }
}
