using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchKv.PortChecking.Tests;

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
    private readonly Fault _fault;
    private long _position;

    public FaultyModel(Fault fault)
        : base(nameof(FaultyModel))
    {
        _fault = fault;
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
        var x = tok_emb.call(ids) + pos_emb.call(_fault.Positions(useCache ? _position : 0, ids.size(1)));
        _position += useCache ? ids.size(1) : 0;
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
        private readonly Fault _fault;

        public Norm(Fault fault)
            : base(nameof(Norm))
        {
            _fault = fault;
            RegisterComponents();
        }

        public override Tensor forward(Tensor x) => _fault.Normalise(x, scale, shift);
    }

    internal sealed class Gelu : nn.Module<Tensor, Tensor>
    {
        private readonly int _layer;
        private readonly Fault _fault;

        public Gelu(int layer, Fault fault)
            : base(nameof(Gelu)) => (_layer, _fault) = (layer, fault);

        public override Tensor forward(Tensor x) => _fault.Activation(_layer, x);
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
        private readonly int _layer;
        private readonly Fault _fault;
        private Tensor? _cacheK, _cacheV;

        public Attention(int layer, Fault fault)
            : base(nameof(Attention))
        {
            (_layer, _fault) = (layer, fault);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x, bool useCache)
        {
            var count = x.size(1);
            var keys = _fault.Split(_fault.Output("key", W_key.call(x)), Heads);
            var values = _fault.Split(_fault.Output("value", W_value.call(x)), Heads);
            var queries = _fault.Split(_fault.Output("query", W_query.call(x)), Heads);
            var past = useCache && _cacheK is not null ? _cacheK.size(2) : 0;
            if (useCache)
            {
                // The cache outlives the step.
                _cacheK = _fault.Cached(_layer, true, _cacheK, keys).DetachFromDisposeScope();
                _cacheV = _fault.Cached(_layer, false, _cacheV, values).DetachFromDisposeScope();
                (keys, values) = (_cacheK, _cacheV);
            }

            if (_fault.Fused(queries, keys, values) is { } context)
            {
                return out_proj.call(_fault.Join(context));
            }

            var scores = matmul(queries, keys.transpose(2, 3)) * _fault.Scale(_layer, queries.size(-1));
            scores = scores.masked_fill(_fault.Hidden(_layer, past, count, keys.size(2)), double.NegativeInfinity);
            var weights = dropout.call(_fault.Softmax(scores));
            return out_proj.call(_fault.Join(matmul(weights, values)));
        }
    }

    internal sealed class Block : nn.Module<Tensor, bool, Tensor>
    {
        public readonly Attention att;
        public readonly FeedForward ff;
        public readonly Norm norm1, norm2;
        public readonly Dropout drop_shortcut = nn.Dropout(0.1);
        private readonly int _layer;
        private readonly Fault _fault;

        public Block(int layer, Fault fault)
            : base(nameof(Block))
        {
            (_layer, _fault) = (layer, fault);
            att = new Attention(layer, fault);
            ff = new FeedForward(layer, fault);
            norm1 = new Norm(fault);
            norm2 = new Norm(fault);
            RegisterComponents();
        }

        public override Tensor forward(Tensor x, bool useCache)
        {
            x = _fault.Residual(_layer, true, x, drop_shortcut.call(att.call(norm1.call(x), useCache)));
            return _fault.Residual(_layer, false, x, drop_shortcut.call(ff.call(norm2.call(x))));
        }
    }
}
