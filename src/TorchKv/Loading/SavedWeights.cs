using TorchKv.Models;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu.Kernels;
using TorchSharp.Modules;
using static TorchSharp.torch;
using LayerNorm = TorchKv.Models.LayerNorm;

namespace TorchKv.Loading;

/// <summary>Model → checkpoint in the layout of HuggingFace's <c>save_pretrained</c>, one tensor in memory at a time.</summary>
internal static class SavedWeights
{
    public static void save(GPTModel model, string directory, long max_shard_bytes)
    {
        using var no_gradients = no_grad();
        CheckpointWriter.Save(directory, model.config, tensors(model), max_shard_bytes);
    }

    private static IEnumerable<TensorSource> tensors(GPTModel model)
    {
        yield return source("transformer.wte.weight", model.tok_emb.weight!.shape, () => model.tok_emb.weight!.alias(), model);
        yield return source("transformer.wpe.weight", model.pos_emb.weight!.shape, () => model.pos_emb.weight!.alias(), model);
        for (var layer = 0; layer < model.cfg.n_layers; layer++)
        {
            var blk = model.trf_blocks[layer];
            var h = $"transformer.h.{layer}.";
            foreach (var tensor in norm(h + "ln_1", blk.norm1, model)
                .Concat(conv1d(h + "attn.c_attn", model, blk.att.W_query, blk.att.W_key, blk.att.W_value))
                .Concat(conv1d(h + "attn.c_proj", model, blk.att.out_proj))
                .Concat(norm(h + "ln_2", blk.norm2, model))
                .Concat(conv1d(h + "mlp.c_fc", model, (Linear)blk.ff.layers[0]))
                .Concat(conv1d(h + "mlp.c_proj", model, (Linear)blk.ff.layers[2])))
            {
                yield return tensor;
            }
        }

        foreach (var tensor in norm("transformer.ln_f", model.final_norm, model))
        {
            yield return tensor;
        }

        if (!model.cfg.tie_word_embeddings)
        {
            yield return source("lm_head.weight", model.out_head.weight.shape, () => model.out_head.weight.alias(), model);
        }
    }

    private static IEnumerable<TensorSource> norm(string name, LayerNorm norm, GPTModel model) =>
    [
        source(name + ".weight", norm.scale.shape, () => norm.scale.alias(), model),
        source(name + ".bias", norm.shift.shape, () => norm.shift.alias(), model),
    ];

    /// <summary>Linears keep (out, in); HuggingFace's Conv1D (in, out), and several projections side by side.</summary>
    private static IEnumerable<TensorSource> conv1d(string name, GPTModel model, params Linear[] parts)
    {
        var width = parts.Sum(part => part.weight.shape[0]);
        yield return source(name + ".weight", [parts[0].weight.shape[1], width], () => cat([.. parts.Select(part => part.weight.t())], dim: 1), model);

        // GPT-2 always has these biases; where the model has none they are zeros, which computes the same
        yield return source(
            name + ".bias", [width],
            () => cat([.. parts.Select(part => part.bias?.alias() ?? zeros(part.weight.shape[0], dtype: part.weight.dtype, device: part.weight.device))], dim: 0),
            model);
    }

    private static TensorSource source(string name, long[] shape, Func<Tensor> make, GPTModel model)
    {
        Tensor? made = null;
        var size = 0L;
        return new TensorSource(name, dtype_of(model), [.. shape], (destination, start) =>
        {
            if (made is null)
            {
                using var scope = NewDisposeScope();
                made = make().detach().cpu().contiguous().clone().DetachFromDisposeScope();
                size = made.numel() * made.element_size();
            }

            // Spans reach 2 GiB, so the piece is found by its row
            var row_bytes = size / shape[0];
            for (var done = 0; done < destination.Length;)
            {
                var at = start + done;
                using var row = made.narrow(0, at / row_bytes, 1);
                var from = row.bytes[(int)(at % row_bytes)..];
                var count = Math.Min(from.Length, destination.Length - done);
                from[..count].CopyTo(destination[done..]);
                done += count;
            }

            if (start + destination.Length == size)
            {
                made.Dispose();
                made = null;
            }
        });
    }

    private static TensorDType dtype_of(GPTModel model) => model.tok_emb.weight!.dtype switch
    {
        ScalarType.Float32 => TensorDType.Float32,
        ScalarType.Float16 => TensorDType.Float16,
        ScalarType.BFloat16 => TensorDType.BFloat16,
        ScalarType.Float64 => TensorDType.Float64,
        var other => throw new TorchKvException($"A checkpoint holds floating-point weights; these are {other}."),
    };
}
