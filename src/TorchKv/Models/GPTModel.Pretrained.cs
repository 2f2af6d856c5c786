using TorchKv.Loading;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using static TorchSharp.torch;

namespace TorchKv.Models;

public sealed partial class GPTModel
{
    /// <summary>The configuration as HuggingFace's: the checkpoint's own, with the ids that begin, end and pad a text, or <see cref="cfg"/>'s.</summary>
    public Gpt2Config config
    {
        get => field ??= cfg.to_pretrained();
        internal set;
    }

    /// <summary>Loads a checkpoint in HuggingFace's layout (<c>config.json</c>, <c>model.safetensors</c> or shards), in evaluation mode.</summary>
    /// <param name="directory">Its folder.</param>
    /// <param name="device">Where the weights go; null: the CPU.</param>
    /// <param name="dtype">The weights' dtype, whatever the file's; null: float32.</param>
    /// <param name="cancellationToken">Ends the loading between two pieces of a tensor.</param>
    /// <exception cref="TorchKvException">The checkpoint is damaged, or asks for what this model does not do; the message names file, tensor and reason.</exception>
    public static GPTModel from_pretrained(
        string directory, Device? device = null, ScalarType? dtype = null, CancellationToken cancellationToken = default) =>
        PretrainedWeights.load(directory, device, dtype, cancellationToken);

    /// <summary>
    /// Saves <c>config.json</c> and the weights, each in its own dtype, as HuggingFace's <c>save_pretrained</c> does; transformers
    /// reads them. A head that was replaced is saved although <see cref="config"/> ties it, and is read again as not tied.
    /// </summary>
    /// <param name="directory">The folder; made where it is not there.</param>
    /// <param name="max_shard_bytes">A file ends before the tensor that would take it past this.</param>
    /// <exception cref="TorchKvException">A weight is not of a floating dtype, or a file cannot be written.</exception>
    public void save_pretrained(string directory, long max_shard_bytes = CheckpointWriter.DefaultShardBytes) =>
        SavedWeights.save(this, directory, max_shard_bytes);

    /// <summary>Makes the output head the token embedding: one tensor under two names.</summary>
    public void tie_weights()
    {
        out_head.weight = tok_emb.weight!;
    }

    /// <inheritdoc/>
    protected override void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
    {
        // A head that was replaced stays
        var tied = cfg.tie_word_embeddings && SavedWeights.is_same(out_head.weight, tok_emb.weight!);
        base._toEpilog(dtype, device, non_blocking);
        if (tied)
        {
            // to() has made a copy of the shared tensor for each of its names
            tie_weights();
        }
    }
}
