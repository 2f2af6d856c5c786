using TorchKv.Models;
using TorchKv.Runtime;
using TorchKv.Runtime.Checkpoints;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchKv.Loading;

/// <summary>
/// Checkpoint → model. Modules are made on the meta device, where a weight has a shape and no memory, so nothing is
/// initialised to be overwritten; then each weight is read from the file straight to where it stays.
/// </summary>
internal static class PretrainedWeights
{
    public static GPTModel load(string directory, Device? device, ScalarType? dtype)
    {
        using var checkpoint = Checkpoint.Open(directory);
        using var scope = NewDisposeScope();
        using var no_gradients = no_grad();
        var model = new GPTModel(GPTConfig.from_pretrained(checkpoint.Config), META, dtype ?? float32) { config = checkpoint.Config };
        try
        {
            new Reader(checkpoint, device ?? CPU, dtype ?? float32).read_into(model);
            // A module remembers where it was last moved to; without this, a later move back would pass over it
            model.to(device ?? CPU);
            model.eval();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private sealed class Reader(Checkpoint checkpoint, Device device, ScalarType dtype)
    {
        // A piece of a file on its way to another dtype or device
        private const long PieceBytes = 8 << 20;

        public void read_into(GPTModel model)
        {
            model.tok_emb.weight = weight("wte.weight");
            model.pos_emb.weight = weight("wpe.weight");
            for (var layer = 0; layer < model.cfg.n_layers; layer++)
            {
                var blk = model.trf_blocks[layer];
                var h = $"h.{layer}.";
                blk.norm1.scale = weight(h + "ln_1.weight");
                blk.norm1.shift = weight(h + "ln_1.bias");
                conv1d(h + "attn.c_attn", blk.att.W_query, blk.att.W_key, blk.att.W_value);
                conv1d(h + "attn.c_proj", blk.att.out_proj);
                blk.norm2.scale = weight(h + "ln_2.weight");
                blk.norm2.shift = weight(h + "ln_2.bias");
                conv1d(h + "mlp.c_fc", (Linear)blk.ff.layers[0]);
                conv1d(h + "mlp.c_proj", (Linear)blk.ff.layers[2]);
            }

            model.final_norm.scale = weight("ln_f.weight");
            model.final_norm.shift = weight("ln_f.bias");
            if (model.cfg.tie_word_embeddings)
            {
                model.tie_weights();
            }
            else
            {
                model.out_head.weight = weight("lm_head.weight");
            }
        }

        private Parameter weight(string name)
        {
            var source = checkpoint[name];
            var shape = source.Shape.ToArray();
            var target = empty(shape, dtype: dtype, device: device);
            var in_place = device.type == DeviceType.CPU && dtype == dtype_of(source);
            var row_bytes = source.ByteCount / shape[0];
            var rows = Math.Max(1, PieceBytes / row_bytes);
            for (long row = 0; row < shape[0]; row += rows)
            {
                using var piece = target.narrow(0, row, Math.Min(rows, shape[0] - row));
                if (in_place)
                {
                    source.ReadBytes(piece.bytes, row * row_bytes);
                    continue;
                }

                using var read = empty(piece.shape, dtype: dtype_of(source));
                source.ReadBytes(read.bytes, row * row_bytes);
                piece.copy_(read);
            }

            return (Parameter)new Parameter(target).DetachFromDisposeScope();
        }

        /// <summary>HuggingFace's Conv1D keeps (in, out), and c_attn three projections side by side; a Linear keeps (out, in).</summary>
        private void conv1d(string name, params Linear[] parts)
        {
            var source = checkpoint[name + ".weight"];
            using var read = empty(source.Shape.ToArray(), dtype: dtype_of(source));
            source.ReadBytes(read.bytes);
            using var bias = weight(name + ".bias");
            var width = source.Shape[1] / parts.Length;
            for (var part = 0; part < parts.Length; part++)
            {
                using var columns = read.narrow(1, part * width, width);
                using var rows = columns.t();
                var target = empty(width, source.Shape[0], dtype: dtype, device: device);
                target.copy_(rows);
                parts[part].weight = new Parameter(target);
                parts[part].bias = new Parameter(bias.narrow(0, part * width, width).clone());
            }
        }

        private static ScalarType dtype_of(CheckpointTensor source) => source.DType switch
        {
            TensorDType.Float32 => float32,
            TensorDType.Float16 => float16,
            TensorDType.BFloat16 => bfloat16,
            TensorDType.Float64 => float64,
            _ => throw new CheckpointException(source.FilePath, source.FileName, $"has dtype {source.DType}, which is not a weight's."),
        };
    }
}
