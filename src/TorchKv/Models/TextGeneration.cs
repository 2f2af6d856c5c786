using System.Runtime.InteropServices;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using static TorchSharp.torch;

namespace TorchKv.Models;

/// <summary>
/// The article's two loops, to be read beside its Python and to be compared with each other. With
/// <c>using static TorchKv.Models.TextGeneration</c> they are called as there. A program that only wants text takes an
/// engine:
/// <c>TorchKv.Running.TorchEngine</c>.
/// </summary>
/// <remarks>
/// Rows of unequal length are left-padded and come with an attention mask (<see cref="left_pad"/>). Past
/// <c>context_size</c> the first tokens are cut off, as in the article, and positions are counted from what is left.
/// </remarks>
public static class TextGeneration
{
    /// <summary>Generates without a cache: each token costs a pass over the whole text.</summary>
    /// <param name="model">The model, in evaluation mode.</param>
    /// <param name="idx">(b, tokens): the prompts' ids, int64, on the model's device.</param>
    /// <param name="max_new_tokens">Tokens to add to each row.</param>
    /// <param name="context_size">The most tokens of one pass; null: the model's context.</param>
    /// <param name="attention_mask">(b, tokens), zero where a token is padding; null: none is.</param>
    /// <param name="next">Chooses the next tokens; null: the best ones.</param>
    /// <returns>(b, tokens + new ones).</returns>
    public static Tensor generate_text_simple(
        GPTModel model, Tensor idx, long max_new_tokens, long? context_size = null,
        Tensor? attention_mask = null, NextToken? next = null)
    {
        using var scope = NewDisposeScope();
        using var no_gradients = no_grad();
        var size = context_size ?? model.cfg.context_length;
        idx = idx.alias();

        for (var i = 0L; i < max_new_tokens; i++)
        {
            using var step = NewDisposeScope();

            // Only the last position's logits are used, so only those are computed
            var logits = model.forward(last(idx, size)!, attention_mask: last(attention_mask, size), logits_to_keep: 1);

            var idx_next = choose(next, logits[.., -1], idx);                                               // (b, 1)
            if (idx_next is null)
            {
                break;
            }

            (idx, attention_mask) = append(
                idx, attention_mask, idx_next);                                  // (b, tokens + 1)
        }

        return idx.MoveToOuterDisposeScope();
    }

    /// <summary>Generates with the model's cache: after the prompt each token costs a pass over itself alone.</summary>
    /// <inheritdoc cref="generate_text_simple"/>
    public static Tensor generate_text_simple_cached(
        GPTModel model, Tensor idx, long max_new_tokens, long? context_size = null,
        Tensor? attention_mask = null, NextToken? next = null)
    {
        using var scope = NewDisposeScope();
        using var no_gradients = no_grad();
        var size = context_size ?? model.cfg.context_length;
        idx = idx.alias();
        model.eval();
        model.reset_kv_cache();

        for (var i = 0L; i < max_new_tokens; i++)
        {
            using var step = NewDisposeScope();

            // Learned positions cannot be shifted: once the context is full, the tokens that are left are computed anew
            var is_full = idx.size(1) > size;
            if (is_full)
            {
                model.reset_kv_cache();
            }

            var fed = i == 0 || is_full
                ? last(idx, size)!
                : last(idx, 1)!;                                 // else only the new token
            var logits = model.forward(fed, use_cache: true, last(attention_mask, size), logits_to_keep: 1);

            var idx_next = choose(next, logits[.., -1], idx);
            if (idx_next is null)
            {
                break;
            }

            (idx, attention_mask) = append(idx, attention_mask, idx_next);
        }

        return idx.MoveToOuterDisposeScope();
    }

    /// <summary>Puts prompts of any lengths into one batch, padded on the left.</summary>
    /// <param name="prompts">Each prompt's ids, at least one.</param>
    /// <param name="device">Where the tensors go; null: the CPU.</param>
    /// <returns>
    /// (b, longest) ids, and the attention mask of the same shape; no mask where all prompts are equally long.
    /// </returns>
    public static (Tensor idx, Tensor? attention_mask) left_pad(
        IReadOnlyList<IReadOnlyList<int>> prompts, Device? device = null)
    {
        var longest = prompts.Max(prompt => prompt.Count);
        var (ids, mask) = (new long[prompts.Count, longest], new long[prompts.Count, longest]);
        for (var row = 0; row < prompts.Count; row++)
        {
            var pads = longest - prompts[row].Count;
            for (var i = 0; i < prompts[row].Count; i++)
            {
                (ids[row, pads + i], mask[row, pads + i]) = (prompts[row][i], 1);
            }
        }

        var is_padded = prompts.Any(prompt => prompt.Count < longest);
        return (tensor(ids, device: device), is_padded ? tensor(mask, device: device) : null);
    }

    /// <summary>
    /// Samples the next tokens on the CPU, every row with the same seed, so that a row gets what it gets alone.
    /// </summary>
    /// <param name="sampler">For the model's vocabulary.</param>
    /// <param name="options">How; null as seed: a new one.</param>
    /// <param name="attention_mask">The prompts' mask: padding is no part of the text. Null: there is none.</param>
    /// <returns>
    /// For one generation: it counts the tokens, and keeps the text, so that a token takes one download.
    /// </returns>
    public static NextToken sampling(Sampler sampler, GenerationOptions options, Tensor? attention_mask = null)
    {
        options.Validate();
        var seed = options.Seed ?? Sampler.NewSeed();
        var pads = attention_mask?.eq(0).sum(1).cpu().data<long>().ToArray();
        List<int>[]? text = null;
        var steps = 0L;
        return (logits, idx) =>
        {
            text ??= [.. to_rows(idx).Select((row, i) => row.Skip((int)(pads?[i] ?? 0)).ToList())];
            var values = MemoryMarshal.Cast<byte, float>(logits.to(float32).cpu().contiguous().bytes);
            var (rows, width) = ((int)logits.size(0), (int)logits.size(1));
            var chosen = new long[rows, 1];
            for (var row = 0; row < rows; row++)
            {
                var token = sampler.Sample(
                    values.Slice(row * width, width), CollectionsMarshal.AsSpan(text[row]), options, seed, steps);
                text[row].Add(token);
                chosen[row, 0] = token;
            }

            steps++;
            return tensor(chosen, device: idx.device);
        };
    }

    /// <summary>(b, tokens) ids as lists.</summary>
    public static int[][] to_rows(Tensor idx)
    {
        using var ids = idx.to(int32).cpu().contiguous();
        return [.. ids.data<int>().ToArray().Chunk((int)idx.size(1))];
    }

    // t[:, -columns:]
    private static Tensor? last(Tensor? t, long columns) =>
        t is null || t.size(1) <= columns ? t : t.narrow(1, t.size(1) - columns, columns);

    private static Tensor? choose(NextToken? next, Tensor logits, Tensor idx) =>
        next is null ? logits.argmax(-1, keepdim: true) : next(logits, idx);

    // torch.cat((idx, idx_next), dim=1), and the mask with it
    private static (Tensor, Tensor?) append(Tensor idx, Tensor? mask, Tensor idx_next) => (
        cat([idx, idx_next], dim: 1).MoveToOuterDisposeScope(),
        mask is null ? null : cat([mask, ones_like(idx_next)], dim: 1).MoveToOuterDisposeScope());
}
