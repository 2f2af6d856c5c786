using System.Runtime.InteropServices;
using TorchKv.Models;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Text;
using static TorchKv.Models.TextGeneration;
using static TorchSharp.torch;

namespace TorchKv.Cli.Models;

/// <summary>
/// Generates for several prompts at once with the port's own loop and one of the port's caches, without the engine.
/// </summary>
internal static class PortGeneration
{
    /// <summary>Refuses options that only the engine can serve.</summary>
    /// <exception cref="OptionException">
    /// An option is set that the loop does not honour; the message names it.
    /// </exception>
    public static void Check(GenerationOptions options)
    {
        options.Validate();
        Refuse("num_beams", options.Beams is not null, options.Beams?.NumBeams);
        Refuse("constraint", options.Constraint is not null, "set");
        Refuse("n", options.Samples != 1, options.Samples);
        Refuse("logprobs", options.LogProbs is not null, options.LogProbs);
        Refuse("prompt_logprobs", options.PromptLogProbs, options.PromptLogProbs);
        Refuse("deadline", options.Deadline is not null, options.Deadline);
        Refuse("priority", options.Priority != 0, options.Priority);
        Refuse("cache_salt", options.CacheSalt is not null, options.CacheSalt);
        Refuse("generated_before", options.GeneratedBefore > 0, options.GeneratedBefore);
        Refuse("min_new_tokens", options.MinNewTokens > 0, options.MinNewTokens);
        Refuse("stop_token_ids", options.StopTokenIds.Count > 0, $"{options.StopTokenIds.Count} ids");
        Refuse("include_stop", options.IncludeStopText, "true");
        Refuse("bad_words", options.BadWords.Count > 0, $"{options.BadWords.Count} texts");
        Refuse("constraint", options.Constraint is not null, "set");
        Refuse("speculation", options.Speculation is not null, options.Speculation?.Source);
    }

    /// <summary>
    /// Generates a text for each prompt. Each text is the same as if its prompt were alone, with the same seed.
    /// </summary>
    /// <param name="port">The model.</param>
    /// <param name="cache">Its cache, or none.</param>
    /// <param name="prompts">Each prompt's ids, at least one, at most the context.</param>
    /// <param name="options">How; end-of-text ids of null are the model's.</param>
    /// <param name="tokenizer">Null: pieces have no text.</param>
    /// <param name="receive">Takes each piece as it is made.</param>
    /// <param name="cancellationToken">Ends the generation between two tokens.</param>
    /// <returns>The cache as it was at the end.</returns>
    public static CacheReport Run(
        PortModel port,
        CacheChoice cache,
        IReadOnlyList<int[]> prompts,
        GenerationOptions options,
        Gpt2Tokenizer? tokenizer,
        Action<PromptPiece> receive,
        CancellationToken cancellationToken)
    {
        Check(options);
        options = options with { EosTokenIds = options.EosTokenIds ?? port.Model.config.EosTokenIds };
        var context = port.Model.cfg.context_length;
        var sampler = new Sampler(port.Model.cfg.vocab_size);
        var rows = prompts
            .Select(
                prompt => new PortRow(prompt, options, sampler, options.Seed ?? Sampler.NewSeed(), tokenizer, context))
            .ToArray();

        // A prompt that fills the context has reached its end before its first token
        var running = Enumerable.Range(0, rows.Length).Where(row => rows[row].End is null).ToArray();
        foreach (var row in Enumerable.Range(0, rows.Length).Except(running))
        {
            receive(new PromptPiece(row, rows[row].Last("")));
        }

        if (running.Length == 0)
        {
            return new CacheReport(cache.Kind, 0, 0, 0);
        }

        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var (idx, mask) = left_pad([.. running.Select(row => prompts[row])], port.Device);
        if (!port.SetCache(cache, idx.size(1) + options.MaxNewTokens))
        {
            generate_text_simple(port.Model, idx, options.MaxNewTokens, attention_mask: mask, next: Next);
            return new CacheReport(cache.Kind, 0, 0, 0);
        }

        generate_text_simple_cached(port.Model, idx, options.MaxNewTokens, attention_mask: mask, next: Next);
        return Report(port.Model, cache.Kind, running.Length);

        Tensor? Next(Tensor logits, Tensor text)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var host = logits.to(float32).cpu().contiguous();
            var values = MemoryMarshal.Cast<byte, float>(host.bytes);
            var width = (int)logits.size(1);
            var tokens = new long[running.Length, 1];
            for (var i = 0; i < running.Length; i++)
            {
                // A row that has ended stays in the batch; what is computed for it is not used
                var row = rows[running[i]];
                if (row.End is null)
                {
                    var piece = row.Choose(values.Slice(i * width, width), out var token);
                    tokens[i, 0] = token;
                    receive(new PromptPiece(running[i], piece));
                }
            }

            return Array.TrueForAll(rows, row => row.End is not null) ? null : tensor(tokens, device: text.device);
        }
    }

    private static CacheReport Report(GPTModel model, string kind, long rows)
    {
        var cache = model.kv_cache;
        var slots = cache.cache_k is { } keys ? Math.Max(keys.size(2), cache.held) : cache.held;
        return new CacheReport(kind, cache.held * rows, slots * rows, model.kv_bytes);
    }

    private static void Refuse(string option, bool isSet, object? value)
    {
        if (isSet)
        {
            throw new OptionException(
                option,
                FormattableString.Invariant($"{value}"),
                "left out with a cache of the port's: an engine serves it");
        }
    }
}
