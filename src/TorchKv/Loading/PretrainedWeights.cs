using TorchKv.Models;
using TorchKv.Runtime.Checkpoints;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Linear = TorchKv.Models.Linear;

namespace TorchKv.Loading;

/// <summary>
/// Makes a model from a checkpoint. Modules are made on the meta device, where a weight has a shape and no memory, so
/// no weight is initialised only to be overwritten. Then each weight is read from the file into its final memory.
/// </summary>
internal static class PretrainedWeights
{
    public static GPTModel load(
        string directory, Device? device, ScalarType? dtype, CancellationToken cancellationToken)
    {
        using var checkpoint = Checkpoint.Open(directory);
        return load(checkpoint, device, dtype, cancellationToken);
    }

    public static GPTModel load(
        Checkpoint checkpoint, Device? device, ScalarType? dtype, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        using var no_gradients = no_grad();
        var cfg = GPTConfig.from_pretrained(checkpoint.Config);
        var model = new GPTModel(cfg, META, dtype ?? float32) { config = checkpoint.Config };
        try
        {
            new Reader(checkpoint, device ?? CPU, dtype ?? float32, cancellationToken).read_into(model);
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

    private sealed class Reader(
        Checkpoint checkpoint, Device device, ScalarType dtype, CancellationToken cancellationToken)
    {
        // Of a file on its way to another dtype, order or device; small enough to stay in the cache between read and
        // copy
        private const long PieceElements = 1 << 18;

        // One for all pieces: memory that is taken and given back between weights that stay leaves holes
        private Tensor? scratch;

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
            var target = empty(source.Shape.ToArray(), dtype: dtype, device: device);
            var rows = Math.Max(1, PieceElements * source.Shape[0] / source.ElementCount);
            for (long row = 0; row < source.Shape[0]; row += rows)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var place = target.narrow(0, row, Math.Min(rows, source.Shape[0] - row));
                if (device.type == DeviceType.CPU && dtype == dtype_of(source))
                {
                    source.ReadBytes(place.bytes, row * (source.ByteCount / source.Shape[0]));
                    continue;
                }

                using var piece = read(source, row, place.size(0));
                place.copy_(piece);
            }

            return (Parameter)new Parameter(target).DetachFromDisposeScope();
        }

        /// <summary>
        /// Reads a Conv1D of HuggingFace, (in, out), into one Linear, (out, in), or three: c_attn joins three
        /// projections.
        /// </summary>
        private void conv1d(string name, params Linear[] parts)
        {
            var source = checkpoint[name + ".weight"];
            var (inputs, width) = (source.Shape[0], source.Shape[1] / parts.Length);
            using var bias = weight(name + ".bias");
            var targets = parts.Select(_ => empty(width, inputs, dtype: dtype, device: device)).ToArray();
            var rows = Math.Max(1, PieceElements / source.Shape[1]);
            for (long row = 0; row < inputs; row += rows)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var piece = read(source, row, Math.Min(rows, inputs - row));
                for (var part = 0; part < parts.Length; part++)
                {
                    using var columns = piece.narrow(1, part * width, width);
                    using var transposed = columns.t();
                    using var place = targets[part].narrow(1, row, piece.size(0));
                    place.copy_(transposed);
                }
            }

            for (var part = 0; part < parts.Length; part++)
            {
                parts[part].weight = new Parameter(targets[part]);
                parts[part].bias = new Parameter(bias.narrow(0, part * width, width).clone());
            }
        }

        /// <summary>
        /// Reads rows of a tensor in its file's dtype, on the CPU; they are valid until the next call.
        /// </summary>
        private Tensor read(CheckpointTensor source, long row, long rows)
        {
            var row_elements = source.ElementCount / source.Shape[0];
            if (scratch is null || scratch.dtype != dtype_of(source) || scratch.numel() < rows * row_elements)
            {
                scratch?.Dispose();
                scratch = empty(Math.Max(PieceElements, rows * row_elements), dtype: dtype_of(source));
            }

            using var piece = scratch.narrow(0, 0, rows * row_elements);
            source.ReadBytes(piece.bytes, row * (source.ByteCount / source.Shape[0]));
            return piece.view([rows, .. source.Shape.AsSpan()[1..]]);
        }

        private static ScalarType dtype_of(CheckpointTensor source) => source.DType switch
        {
            TensorDType.Float32 => float32,
            TensorDType.Float16 => float16,
            TensorDType.BFloat16 => bfloat16,
            TensorDType.Float64 => float64,
            _ => throw new CheckpointException(
                source.FilePath, source.FileName, $"has dtype {source.DType}, which is not a weight's."),
        };
    }
}
