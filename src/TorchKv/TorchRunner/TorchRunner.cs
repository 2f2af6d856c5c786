using System.Runtime.InteropServices;
using TorchKv.Caching;
using TorchKv.Models;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Scheduling;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv;

/// <summary>
/// Runs the port's modules over a paged pool of KV blocks on any device: prefill, chunks of a prompt, decode and any mixture in one step.
/// </summary>
/// <remarks>
/// A step uploads its numbers once and reads its logits once: that is the only time it waits for the device. Logits agree with
/// those of the row alone within the rounding of another order of summation, not bit for bit. Not thread-safe.
/// </remarks>
public sealed class TorchRunner : IModelRunner
{
    private readonly GPTModel model;
    private readonly bool ownsModel;
    private readonly Device device;

    // (layers, 2, heads, blocks, 16, head_dim): a layer's keys of some blocks are one index_select that leaves
    // (heads, blocks · 16, head_dim) contiguous, which the batched product takes without another copy
    private readonly Tensor pool;

    // Each layer's keys and values, views of the pool: (heads, blocks, 16, head_dim) and (heads, slots, head_dim)
    private readonly Tensor[] blocksK, blocksV, slotsK, slotsV;

    /// <summary>A runner over a model that is loaded already.</summary>
    /// <param name="model">The model, in evaluation mode, where its weights lie; its own caches are not used.</param>
    /// <param name="blockCount">Blocks in the pool.</param>
    /// <param name="maxTokensPerStep">The most tokens that one step takes.</param>
    /// <param name="ownsModel">Whether disposing the runner disposes the model.</param>
    public TorchRunner(GPTModel model, int blockCount, int maxTokensPerStep = 2048, bool ownsModel = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockCount);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxTokensPerStep);
        (this.model, this.ownsModel, BlockCount, MaxTokensPerStep) = (model, ownsModel, blockCount, maxTokensPerStep);
        var weight = model.out_head.weight!;
        device = weight.device;
        using var scope = NewDisposeScope();
        using var no_gradients = no_grad();

        var (layers, heads, width) = (Config.LayerCount, Config.HeadCount, Config.HeadDim);
        pool = zeros([layers, 2, heads, blockCount, BlockSize, width], dtype: weight.dtype, device: device).DetachFromDisposeScope();
        Model = Config.Shape;
        BytesPerBlock = checked((int)(2L * layers * heads * BlockSize * width * pool.element_size()));
        Tensor[] views(int which, Func<Tensor, Tensor> view) =>
            [.. Enumerable.Range(0, layers).Select(layer => view(pool.select(0, layer).select(0, which)).DetachFromDisposeScope())];
        (blocksK, blocksV) = (views(0, t => t), views(1, t => t));
        (slotsK, slotsV) = (views(0, t => t.view(heads, -1, width)), views(1, t => t.view(heads, -1, width)));
    }

    /// <summary>The model's configuration.</summary>
    public Gpt2Config Config => model.config;

    /// <inheritdoc/>
    public ModelShape Model { get; }

    /// <inheritdoc/>
    public int BlockSize => 16;

    /// <inheritdoc/>
    public int BlockCount { get; }

    /// <inheritdoc/>
    public int BytesPerBlock { get; }

    /// <inheritdoc/>
    public int MaxTokensPerStep { get; }

    /// <summary>Loads a checkpoint in HuggingFace's layout.</summary>
    /// <param name="directory">Its folder.</param>
    /// <param name="blockCount">Blocks in the pool.</param>
    /// <param name="device">Where it runs; null: the CPU.</param>
    /// <param name="dtype">Of weights and KV; null: float32.</param>
    /// <param name="maxTokensPerStep">The most tokens that one step takes.</param>
    /// <exception cref="TorchKvException">The checkpoint cannot be loaded; the message says why.</exception>
    public static TorchRunner Load(string directory, int blockCount, Device? device = null, ScalarType? dtype = null, int maxTokensPerStep = 2048)
    {
        var model = GPTModel.from_pretrained(directory, device, dtype);
        try
        {
            return new TorchRunner(model, blockCount, maxTokensPerStep, ownsModel: true);
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
        var plan = StepPlan.Of(rows, this, logits.Length);
        cancellationToken.ThrowIfCancellationRequested();
        if (plan.TokenCount == 0)
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var numbers = tensor(plan.Numbers(), dtype: ScalarType.Int64, device: device);
        Tensor part((long Start, long Count) at) => numbers.narrow(0, at.Start, at.Count);
        var slots = part(plan.Slots);
        var groups = plan.Groups.Select(group => new GroupOnDevice(group, part(plan.Table(group)), MaskOf(group, part(plan.Lengths(group))))).ToArray();

        var x = model.tok_emb.call(part(plan.Ids)) + model.pos_emb.call(part(plan.Positions));      // (tokens, emb_dim)
        for (var layer = 0; layer < Config.LayerCount; layer++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            x = Block(layer, x, slots, groups);
        }

        if (plan.WantedCount > 0)
        {
            x = model.final_norm.call(Slots.select(x, part(plan.Wanted)));
            var result = model.out_head.call(x).to(ScalarType.Float32);                              // (wanted, vocab_size)
            if (!result.is_meta)
            {
                MemoryMarshal.Cast<byte, float>(result.cpu().contiguous().bytes).CopyTo(logits);
            }
        }
    }

    /// <inheritdoc/>
    public void CopyBlock(int source, int destination)
    {
        CheckBlock(source);
        CheckBlock(destination);
        using var scope = NewDisposeScope();
        using var inference = no_grad();
        pool.select(3, destination).copy_(pool.select(3, source));
    }

    /// <inheritdoc/>
    public void ReadBlock(int block, Span<byte> destination)
    {
        CheckBlock(block);
        CheckLength(destination.Length);
        using var scope = NewDisposeScope();
        pool.select(3, block).cpu().contiguous().bytes.CopyTo(destination);
    }

    /// <inheritdoc/>
    public void WriteBlock(int block, ReadOnlySpan<byte> source)
    {
        CheckBlock(block);
        CheckLength(source.Length);
        using var scope = NewDisposeScope();
        using var inference = no_grad();
        var target = pool.select(3, block);
        var read = empty(target.shape, dtype: pool.dtype);
        source.CopyTo(read.bytes);
        target.copy_(read);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var view in blocksK.Concat(blocksV).Concat(slotsK).Concat(slotsV))
        {
            view.Dispose();
        }

        pool.Dispose();
        if (ownsModel)
        {
            model.Dispose();
        }
    }

    // The lines of TransformerBlock and MultiHeadAttention, over tokens of many sequences: (tokens, emb_dim) → the same
    private Tensor Block(int layer, Tensor x, Tensor slots, GroupOnDevice[] groups)
    {
        using var scope = NewDisposeScope();
        var blk = model.trf_blocks[layer];
        var att = blk.att;

        var normed = blk.norm1.call(x);
        slotsK[layer].index_copy_(1, slots, PerHead(att.W_key.call(normed), att));
        slotsV[layer].index_copy_(1, slots, PerHead(att.W_value.call(normed), att));
        var queries = att.W_query.call(normed).mul_(att.scale);

        var context = groups.Length == 1
            ? Attend(layer, queries, groups[0])
            : cat(groups.Select(group => Attend(layer, queries.narrow(0, group.Shape.Start, group.Shape.Rows * group.Shape.Tokens), group)).ToArray(), dim: 0);
        x = x + att.out_proj.call(context);
        x = x + blk.ff.call(blk.norm2.call(x));
        return x.MoveToOuterDisposeScope();
    }

    // (rows · tokens, emb_dim) → the same
    private Tensor Attend(int layer, Tensor queries, GroupOnDevice group)
    {
        using var scope = NewDisposeScope();
        var att = model.trf_blocks[layer].att;
        var (rows, tokens, seen) = (group.Shape.Rows, group.Shape.Tokens, group.Shape.Blocks * BlockSize);

        // (heads, rows, tokens, head_dim) and (heads, rows, seen, head_dim)
        queries = PerHead(queries, att).reshape(att.num_heads, rows, tokens, att.head_dim);
        var keys = Slots.select(blocksK[layer], group.Table, 1).view(att.num_heads, rows, seen, att.head_dim);
        var values = Slots.select(blocksV[layer], group.Table, 1).view(att.num_heads, rows, seen, att.head_dim);
        if (att.upcast && queries.dtype != ScalarType.Float32)
        {
            (queries, keys) = (queries.to(ScalarType.Float32), keys.to(ScalarType.Float32));
        }

        var scores = matmul(queries, keys.transpose(2, 3)).masked_fill_(group.Mask, double.NegativeInfinity);
        var weights = softmax(scores, dim: -1);
        var context = matmul(weights.dtype == values.dtype ? weights : weights.to(values.dtype), values);
        return context.permute(1, 2, 0, 3).reshape(rows * tokens, att.d_out).MoveToOuterDisposeScope();
    }

    // (tokens, heads · head_dim) → (heads, tokens, head_dim)
    private static Tensor PerHead(Tensor t, MultiHeadAttention att) => t.view(-1, att.num_heads, att.head_dim).transpose(0, 1);

    // True where a query must not see a slot: (rows, 1, seen) for single tokens, (tokens, seen) for a run; also past the
    // row's end, where its last block holds nothing yet or another sequence's leavings
    private Tensor MaskOf(AttentionGroup group, Tensor lengths)
    {
        using var scope = NewDisposeScope();
        var seen = group.Blocks * BlockSize;
        var mask = group.Tokens == 1
            ? arange(seen, dtype: ScalarType.Int64, device: device).ge(lengths.unsqueeze(1)).unsqueeze(1)
            : ones(group.Tokens, seen, dtype: ScalarType.Bool, device: device).triu(diagonal: group.Position + 1);
        return mask.MoveToOuterDisposeScope();
    }

    private void CheckBlock(int block)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(block);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(block, BlockCount);
    }

    private void CheckLength(int bytes)
    {
        if (bytes != BytesPerBlock)
        {
            throw new ArgumentException($"A block has {BytesPerBlock} bytes; this is {bytes}.");
        }
    }

    private readonly record struct GroupOnDevice(AttentionGroup Shape, Tensor Table, Tensor Mask);
}
