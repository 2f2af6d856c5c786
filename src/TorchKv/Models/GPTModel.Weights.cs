using TorchKv.Runtime.Configuration;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Models;

// What loading and saving need to know, and weights that are shared
public sealed partial class GPTModel
{
    /// <summary>
    /// The configuration as HuggingFace's: the checkpoint's own, with the ids that begin, end and pad a text, or
    /// <see cref="cfg"/>'s.
    /// </summary>
    public Gpt2Config config
    {
        get => field ??= cfg.to_pretrained();
        internal set;
    }

    /// <summary>Makes the output head the token embedding: one tensor under two names.</summary>
    public void tie_weights()
    {
        out_head.weight = tok_emb.weight!;
    }

    /// <summary>
    /// Whether one tensor can stand for the output head and the token embedding, as it does for tied ones.
    /// </summary>
    internal bool has_tied_head
    {
        get
        {
            var (head, embedding) = (out_head.weight, tok_emb.weight!);
            return head.dtype == embedding.dtype
                && head.device_type == embedding.device_type
                && head.shape.SequenceEqual(embedding.shape)
                && (head.device_type == DeviceType.META || head.Equals(embedding));
        }
    }

    /// <inheritdoc/>
    protected override void _toEpilog(ScalarType? dtype, Device? device, bool non_blocking)
    {
        // A head that was replaced stays
        var tied = cfg.tie_word_embeddings && has_tied_head;
        base._toEpilog(dtype, device, non_blocking);
        if (tied)
        {
            // to() has made a copy of the shared tensor for each of its names
            tie_weights();
        }
    }
}
