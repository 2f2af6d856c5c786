using TorchKv.Models;
using TorchKv.Runtime.Checkpoints;
using TorchKv.Runtime.Contracts;
using static TorchSharp.torch;

namespace TorchKv.Loading;

/// <summary>
/// Checkpoints in HuggingFace's layout, called as in Python: <c>GPTModel.from_pretrained(directory)</c> and
/// <c>model.save_pretrained(directory)</c>, with <c>using TorchKv.Loading</c>.
/// </summary>
public static class Pretrained
{
    extension(GPTModel)
    {
        /// <summary>
        /// Loads a checkpoint in HuggingFace's layout (<c>config.json</c>, <c>model.safetensors</c> or shards), in
        /// evaluation mode.
        /// </summary>
        /// <param name="directory">Its folder.</param>
        /// <param name="device">Where the weights go; null: the CPU.</param>
        /// <param name="dtype">The weights' dtype, whatever the file's; null: float32.</param>
        /// <param name="cancellationToken">Ends the loading between two pieces of a tensor.</param>
        /// <exception cref="TorchKvException">
        /// The checkpoint is damaged, or asks for what this model does not do; the message names file, tensor and
        /// reason.
        /// </exception>
        public static GPTModel from_pretrained(
            string directory,
            Device? device = null,
            ScalarType? dtype = null,
            CancellationToken cancellationToken = default) =>
            PretrainedWeights.load(directory, device, dtype, cancellationToken);

        /// <summary>Loads an open checkpoint, which may be closed afterwards, in evaluation mode.</summary>
        /// <param name="checkpoint">The checkpoint.</param>
        /// <param name="device">Where the weights go; null: the CPU.</param>
        /// <param name="dtype">The weights' dtype, whatever the file's; null: float32.</param>
        /// <param name="cancellationToken">Ends the loading between two pieces of a tensor.</param>
        /// <exception cref="TorchKvException">
        /// A tensor cannot be read, or the checkpoint asks for what this model does not do.
        /// </exception>
        public static GPTModel from_pretrained(
            Checkpoint checkpoint,
            Device? device = null,
            ScalarType? dtype = null,
            CancellationToken cancellationToken = default)
        {
            ArgumentNullException.ThrowIfNull(checkpoint);
            return PretrainedWeights.load(checkpoint, device, dtype, cancellationToken);
        }
    }

    extension(GPTModel model)
    {
        /// <summary>
        /// Saves <c>config.json</c> and the weights, each in its own dtype, as HuggingFace's <c>save_pretrained</c>
        /// does; transformers reads them. A head that was replaced is saved although the configuration ties it, and is
        /// read again as not tied.
        /// </summary>
        /// <param name="directory">The folder; made where it is not there.</param>
        /// <param name="max_shard_bytes">A file ends before the tensor that would take it past this.</param>
        /// <exception cref="TorchKvException">
        /// A weight is not of a floating dtype, or a file cannot be written.
        /// </exception>
        public void save_pretrained(string directory, long max_shard_bytes = CheckpointWriter.DefaultShardBytes) =>
            SavedWeights.save(model, directory, max_shard_bytes);
    }
}
