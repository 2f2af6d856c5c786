using TorchKv.Models;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Contracts;
using TorchSharp.Modules;
using static TorchSharp.torch;
using LayerNorm = TorchKv.Models.LayerNorm;
using Linear = TorchKv.Models.Linear;

namespace TorchKv.Loading;

/// <summary>
/// Writes a model in the layout of HuggingFace's <c>save_pretrained</c>, with one tensor in memory at a time.
/// </summary>
internal static class SavedWeights
{
    public static void save(GPTModel model, string directory, long max_shard_bytes)
    {
        using var no_gradients = no_grad();
        CheckpointWriter.Save(directory, model.config, tensors(model), max_shard_bytes);
    }

    private static IEnumerable<TensorSource> tensors(GPTModel model)
    {
        yield return source("transformer.wte.weight", model.tok_emb.weight!);
        yield return source("transformer.wpe.weight", model.pos_emb.weight!);
        for (var layer = 0; layer < model.cfg.n_layers; layer++)
        {
            var blk = model.trf_blocks[layer];
            var h = $"transformer.h.{layer}.";
            foreach (var tensor in norm(h + "ln_1", blk.norm1)
                .Concat(conv1d(h + "attn.c_attn", blk.att.W_query, blk.att.W_key, blk.att.W_value))
                .Concat(conv1d(h + "attn.c_proj", blk.att.out_proj))
                .Concat(norm(h + "ln_2", blk.norm2))
                .Concat(conv1d(h + "mlp.c_fc", (Linear)blk.ff.layers[0]))
                .Concat(conv1d(h + "mlp.c_proj", (Linear)blk.ff.layers[2])))
            {
                yield return tensor;
            }
        }

        foreach (var tensor in norm("transformer.ln_f", model.final_norm))
        {
            yield return tensor;
        }

        // A head that was replaced is stored although the configuration ties it, as HuggingFace stores it
        if (!model.config.TieWordEmbeddings || !model.has_tied_head)
        {
            yield return source("lm_head.weight", model.out_head.weight);
        }
    }

    private static IEnumerable<TensorSource> norm(string name, LayerNorm norm) =>
        [source(name + ".weight", norm.scale), source(name + ".bias", norm.shift)];

    /// <summary>
    /// Gives the weights of one Linear, (out, in), or of several joined, as those of one Conv1D of HuggingFace, (in,
    /// out).
    /// </summary>
    private static IEnumerable<TensorSource> conv1d(string name, params Linear[] parts)
    {
        // One tensor has one dtype: the widest, if the projections differ
        var weights = widest(parts.Select(part => part.weight.dtype));
        var biases = widest(parts.Select(part => part.bias?.dtype ?? weights));
        var width = parts.Sum(part => part.weight.shape[0]);
        yield return source(
            name + ".weight",
            weights,
            [parts[0].weight.shape[1], width],
            () => cat([.. parts.Select(part => part.weight.to(weights).t())], dim: 1));

        // GPT-2 always has these biases; where the model has none they are zeros, which computes the same
        yield return source(
            name + ".bias",
            biases,
            [width],
            () => cat([.. parts.Select(part => part.bias?.to(biases) ?? none(part))], dim: 0));

        Tensor none(Linear part) => zeros(part.weight.shape[0], dtype: biases, device: part.weight.device);
    }

    private static TensorSource source(string name, Tensor weight) =>
        source(name, weight.dtype, weight.shape, weight.alias);

    private static TensorSource source(string name, ScalarType dtype, long[] shape, Func<Tensor> make)
    {
        Tensor? made = null;
        var size = 0L;
        return new TensorSource(name, file_dtype(name, dtype), [.. shape], (destination, start) =>
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

    /// <summary>Gives a dtype that holds the values of all these dtypes exactly.</summary>
    private static ScalarType widest(IEnumerable<ScalarType> dtypes)
    {
        var all = dtypes.Distinct().ToList();
        return all.Count == 1 ? all[0] : all.Contains(float64) ? float64 : float32;
    }

    private static TensorDType file_dtype(string name, ScalarType dtype) => dtype switch
    {
        ScalarType.Float32 => TensorDType.Float32,
        ScalarType.Float16 => TensorDType.Float16,
        ScalarType.BFloat16 => TensorDType.BFloat16,
        ScalarType.Float64 => TensorDType.Float64,
        _ => throw new TorchKvException($"A checkpoint holds floating-point weights; {name} is {dtype}."),
    };
}
