using System.Runtime.InteropServices;
using TorchKv.Caching;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using static TorchSharp.torch;

namespace TorchKv.Running;

/// <summary>
/// Runs the port's modules over a paged pool of KV blocks on any device. One step takes any mixture of whole prompts,
/// chunks of prompts and decodes.
/// </summary>
/// <remarks>
/// A step uploads its numbers once and reads its logits once: that is the only time it waits for the device. Logits
/// agree with those of the row alone within the rounding of another order of summation, not bit for bit.
/// <c>torch.set_num_threads</c> says how many threads compute. One step at a time; <see cref="Dispose"/> waits for it.
/// </remarks>
public sealed class TorchRunner : IModelRunner, IKvReader
{
    internal const int TokensPerBlock = 16;

    private readonly GPTModel _model;
    private readonly bool _ownsModel;
    private readonly Device _device;
    private readonly StepRules _rules;
    private readonly object _gate = new();

    // (layers, 2, heads, blocks, 16, head_dim): a layer's keys of some blocks are one index_select that leaves
    // (heads, blocks · 16, head_dim) contiguous, which the batched product takes without another copy
    private readonly Tensor _pool;

    // The pool as (layers · 2 · heads, slots, head_dim)
    private readonly Tensor _slots;

    // Each layer's keys and values, views of the pool: (heads, blocks, 16, head_dim) and (heads, slots, head_dim)
    private readonly Tensor[] _blocksK, _blocksV, _slotsK, _slotsV;
    private bool _disposed;

    /// <summary>A runner over a model that is loaded already.</summary>
    /// <param name="model">The model, in evaluation mode, where its weights lie; its own caches are not used.</param>
    /// <param name="blockCount">Blocks of 16 tokens in the pool.</param>
    /// <param name="maxTokensPerStep">The most tokens that one step takes.</param>
    /// <param name="kvDType">The dtype of keys and values; null: the weights'.</param>
    /// <param name="ownsModel">Whether disposing the runner disposes the model.</param>
    public TorchRunner(
        GPTModel model, int blockCount, int maxTokensPerStep = 2048, ScalarType? kvDType = null, bool ownsModel = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxTokensPerStep);
        (_model, _ownsModel, BlockCount, MaxTokensPerStep) = (model, ownsModel, blockCount, maxTokensPerStep);
        var weight = model.out_head.weight!;
        _device = weight.device;
        using var scope = NewDisposeScope();
        using var no_gradients = no_grad();

        // Not filled with zeros: a step reads no slot that was not written
        var (layers, heads, width) = (Config.LayerCount, Config.HeadCount, Config.HeadDim);
        _pool = empty([layers, 2, heads, blockCount, BlockSize, width], dtype: kvDType ?? weight.dtype, device: _device)
            .DetachFromDisposeScope();
        _slots = _pool.view(layers * 2 * heads, -1, width).DetachFromDisposeScope();
        (_blocksK, _blocksV) = (Views(0, t => t), Views(1, t => t));
        (_slotsK, _slotsV) = (Views(0, t => t.view(heads, -1, width)), Views(1, t => t.view(heads, -1, width)));
        Model = Config.Shape;
        BytesPerBlock = checked((int)(2L * layers * heads * BlockSize * width * _pool.element_size()));
        _rules = new StepRules(this);

        Tensor[] Views(int which, Func<Tensor, Tensor> view) =>
        [
            .. Enumerable.Range(0, layers)
                .Select(layer => view(_pool.select(0, layer).select(0, which)).DetachFromDisposeScope()),
        ];
    }

    /// <summary>The model's configuration.</summary>
    public Gpt2Config Config => _model.config;

    /// <inheritdoc/>
    public ModelShape Model { get; }

    /// <inheritdoc/>
    public int BlockSize => TokensPerBlock;

    /// <inheritdoc/>
    public int BlockCount { get; }

    /// <inheritdoc/>
    public int BytesPerBlock { get; }

    /// <inheritdoc/>
    public int MaxTokensPerStep { get; }

    /// <summary>The device of weights, keys and values.</summary>
    public Device Device => _device;

    /// <summary>The dtype of the weights.</summary>
    public ScalarType DType => _model.tok_emb.weight!.dtype;

    /// <summary>The dtype of keys and values.</summary>
    public ScalarType KvDType => _pool.dtype;

    /// <summary>
    /// The runner's name and dtypes, which decide the keys and values, for <c>ModelIdentity.OfFolder</c>.
    /// </summary>
    public string Kept => $"torch {DType} {KvDType}";

    /// <summary>Loads a checkpoint in HuggingFace's layout.</summary>
    /// <param name="directory">Its folder.</param>
    /// <param name="options">null: float32 on the CPU, room for eight sequences.</param>
    /// <param name="cancellationToken">Ends the loading between two pieces of a tensor.</param>
    /// <exception cref="TorchKvException">
    /// The checkpoint cannot be loaded, or an option is out of its limits.
    /// </exception>
    public static TorchRunner Load(
        string directory, TorchRunnerOptions? options = null, CancellationToken cancellationToken = default)
    {
        options?.Validate();
        using var checkpoint = Checkpoint.Open(directory);
        return Load(checkpoint, options, cancellationToken);
    }

    /// <summary>Loads an open checkpoint, which may be closed afterwards.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="options">null: float32 on the CPU, room for eight sequences.</param>
    /// <param name="cancellationToken">Ends the loading between two pieces of a tensor.</param>
    /// <exception cref="TorchKvException">
    /// The checkpoint cannot be loaded, or an option is out of its limits.
    /// </exception>
    public static TorchRunner Load(
        Checkpoint checkpoint, TorchRunnerOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        options ??= new TorchRunnerOptions();
        options.Validate();
        var model = PretrainedWeights.load(checkpoint, options.Device, options.DType, cancellationToken);
        try
        {
            return new TorchRunner(
                model, options.BlocksFor(model.config), options.MaxTokensPerStep, options.KvDType, ownsModel: true);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            cancellationToken.ThrowIfCancellationRequested();
            if (_rules.Check(rows, logits.Length).Tokens > 0)
            {
                Run(new StepLayout(rows, BlockSize), logits, cancellationToken);
            }
        }
    }

    /// <inheritdoc/>
    public void CopyBlock(int source, int destination)
    {
        _rules.CheckBlock(source, nameof(source));
        _rules.CheckBlock(destination, nameof(destination));
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            using var scope = NewDisposeScope();
            using var no_gradients = no_grad();
            _pool.select(3, destination).copy_(_pool.select(3, source));
        }
    }

    /// <inheritdoc/>
    public void ReadBlock(int block, Span<byte> destination)
    {
        _rules.CheckBlock(block, nameof(block));
        _rules.CheckBlockBytes(destination.Length, nameof(destination));
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            using var scope = NewDisposeScope();
            _pool.select(3, block).cpu().contiguous().bytes.CopyTo(destination);
        }
    }

    /// <inheritdoc/>
    public void WriteBlock(int block, ReadOnlySpan<byte> source)
    {
        _rules.CheckBlock(block, nameof(block));
        _rules.CheckBlockBytes(source.Length, nameof(source));
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            using var scope = NewDisposeScope();
            using var no_gradients = no_grad();
            var target = _pool.select(3, block);
            var read = empty(target.shape, dtype: _pool.dtype);
            source.CopyTo(read.bytes);
            target.copy_(read);
        }
    }

    /// <inheritdoc/>
    public void ReadKeysAndValues(
        int layer, ReadOnlySpan<int> blockTable, int tokens, Span<float> keys, Span<float> values)
    {
        _rules.CheckRead(layer, blockTable, tokens, keys.Length, values.Length);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            using var scope = NewDisposeScope();
            using var no_gradients = no_grad();
            var table = tensor(blockTable.ToArray(), dtype: ScalarType.Int64, device: _device);
            Export(_blocksK[layer], keys);
            Export(_blocksV[layer], values);

            void Export(Tensor blocks, Span<float> destination)
            {
                var held = blocks.index_select(1, table).view(Model.HeadCount, -1, Model.HeadDim).narrow(1, 0, tokens);
                Download(held, destination);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            foreach (var view in (Tensor[])[.. _blocksK, .. _blocksV, .. _slotsK, .. _slotsV, _slots])
            {
                view.Dispose();
            }

            _pool.Dispose();
            if (_ownsModel)
            {
                _model.Dispose();
            }
        }
    }

    private static void Download(Tensor t, Span<float> destination)
    {
        if (!t.is_meta)
        {
            MemoryMarshal.Cast<byte, float>(t.to(ScalarType.Float32).cpu().contiguous().bytes).CopyTo(destination);
        }
    }

    private void Run(StepLayout layout, Span<float> logits, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var numbers = tensor(layout.Numbers(), dtype: ScalarType.Int64, device: _device);
        Tensor Part((long Start, long Count) at) => numbers.narrow(0, at.Start, at.Count);
        var slots = Part(layout.Slots);
        var groups = layout.Groups
            .Select(group => new GroupOnDevice(
                group, Part(layout.Tables(group)), MaskOf(group, Part(layout.Lengths(group)))))
            .ToArray();

        // What an earlier owner left there may be NaN, and a masked weight of 0 times NaN is NaN
        _slots.index_fill_(1, Part(layout.Tails), 0);

        // (tokens, emb_dim)
        var x = _model.tok_emb.call(Part(layout.Ids)) + _model.pos_emb.call(Part(layout.Positions));
        for (var layer = 0; layer < Config.LayerCount; layer++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            x = Block(layer, x, slots, groups);
        }

        if (layout.Wanted.Count > 0)
        {
            x = _model.final_norm.call(Slots.select(x, Part(layout.Wanted)));
            Download(_model.out_head.call(x), logits); // (wanted, vocab_size)
        }
    }

    // The lines of TransformerBlock and MultiHeadAttention, over tokens of many sequences: (tokens, emb_dim) → the same
    private Tensor Block(int layer, Tensor x, Tensor slots, GroupOnDevice[] groups)
    {
        using var scope = NewDisposeScope();
        var blk = _model.trf_blocks[layer];
        var att = blk.att;

        var normed = blk.norm1.call(x);
        _slotsK[layer].index_copy_(1, slots, To(_pool.dtype, PerHead(att.W_key.call(normed), att)));
        _slotsV[layer].index_copy_(1, slots, To(_pool.dtype, PerHead(att.W_value.call(normed), att)));
        var queries = att.W_query.call(normed).mul_(att.scale);

        var context = groups.Length == 1
            ? Attend(layer, queries, groups[0])
            : cat(groups.Select(group => Attend(layer, TokensOf(group), group)).ToArray(), dim: 0);
        x = x + att.out_proj.call(context);
        x = x + blk.ff.call(blk.norm2.call(x));
        return x.MoveToOuterDisposeScope();

        Tensor TokensOf(GroupOnDevice group) =>
            queries.narrow(0, group.Shape.Start, group.Shape.Rows * group.Shape.Tokens);
    }

    // (rows · tokens, emb_dim) → the same
    private Tensor Attend(int layer, Tensor queries, GroupOnDevice group)
    {
        using var scope = NewDisposeScope();
        var att = _model.trf_blocks[layer].att;
        var (rows, tokens, seen) = (group.Shape.Rows, group.Shape.Tokens, group.Shape.Blocks * BlockSize);
        var dtype = queries.dtype;
        var scoreType = att.upcast ? ScalarType.Float32 : dtype;

        // (heads, rows, tokens, head_dim) and (heads, rows, seen, head_dim)
        queries = To(scoreType, PerHead(queries, att).reshape(att.num_heads, rows, tokens, att.head_dim));
        var keys = Slots.select(_blocksK[layer], group.Table, 1).view(att.num_heads, rows, seen, att.head_dim);
        var values = Slots.select(_blocksV[layer], group.Table, 1).view(att.num_heads, rows, seen, att.head_dim);
        (keys, values) = (To(scoreType, keys), To(dtype, values));

        var scores = matmul(queries, keys.transpose(2, 3)).masked_fill_(group.Mask, double.NegativeInfinity);
        var weights = To(dtype, softmax(scores, dim: -1));
        var context = tokens == 1 ? matmul(weights, values) : WeightedValues(weights, values);
        return context.permute(1, 2, 0, 3).reshape(rows * tokens, att.d_out).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Computes weights · values, where a weight of 0 times NaN or infinity is 0. Otherwise a later token with NaN
    /// values, a draft that will be rejected for instance, would change an earlier one.
    /// </summary>
    private static Tensor WeightedValues(Tensor weights, Tensor values)
    {
        // x − x is 0 for every finite x; isfinite() would say the same, but has no kernel on the meta device
        var spoilt = values.sub(values).ne(0).any(-1, keepdim: true);     // (heads, rows, seen, 1)
        var seesSpoilt = matmul(weights, spoilt.to(weights.dtype)).gt(0); // (heads, rows, tokens, 1)
        return matmul(weights, values.masked_fill(spoilt, 0)).masked_fill_(seesSpoilt, double.NaN);
    }

    private static Tensor To(ScalarType dtype, Tensor t) => t.dtype == dtype ? t : t.to(dtype);

    // (tokens, heads · head_dim) → (heads, tokens, head_dim)
    private static Tensor PerHead(Tensor t, MultiHeadAttention att) =>
        t.view(-1, att.num_heads, att.head_dim).transpose(0, 1);

    // True where a query must not see a slot: (rows, 1, seen) for single tokens, (tokens, seen) for a run. Slots past a
    // row's end are among them.
    private Tensor MaskOf(AttentionGroup group, Tensor lengths)
    {
        using var scope = NewDisposeScope();
        var seen = group.Blocks * BlockSize;
        var mask = group.Tokens == 1
            ? arange(seen, dtype: ScalarType.Int64, device: _device).ge(lengths.unsqueeze(1)).unsqueeze(1)
            : ones(group.Tokens, seen, dtype: ScalarType.Bool, device: _device).triu(diagonal: group.Position + 1);
        return mask.MoveToOuterDisposeScope();
    }

    private readonly record struct GroupOnDevice(AttentionGroup Shape, Tensor Table, Tensor Mask);
}
