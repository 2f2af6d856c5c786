using System.Globalization;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Serving;

/// <summary>
/// Everything about a request that can be checked before it is queued. Immutable, so any thread may use it.
/// </summary>
internal sealed class RequestRules
{
    private readonly ModelShape _model;
    private readonly int _blockSize;
    private readonly int _blockCount;
    private readonly int _maxSequences;
    private readonly Gpt2Tokenizer? _tokenizer;
    private readonly string? _withoutTokenizer;
    private readonly bool _hasDraftModel;

    /// <param name="model">The model's shape.</param>
    /// <param name="blockSize">Tokens in a KV block.</param>
    /// <param name="blockCount">Blocks in the pool.</param>
    /// <param name="maxSequences">The most sequences that run at once.</param>
    /// <param name="tokenizer">The engine's vocabulary; null where it has none.</param>
    /// <param name="withoutTokenizer">Why the engine has no tokenizer; null: it has one.</param>
    /// <param name="hasDraftModel">Whether the engine has a draft model.</param>
    public RequestRules(
        ModelShape model,
        int blockSize,
        int blockCount,
        int maxSequences,
        Gpt2Tokenizer? tokenizer,
        string? withoutTokenizer,
        bool hasDraftModel)
    {
        _model = model;
        _blockSize = blockSize;
        _blockCount = blockCount;
        _maxSequences = maxSequences;
        _tokenizer = tokenizer;
        _withoutTokenizer = withoutTokenizer;
        _hasDraftModel = hasDraftModel;
    }

    /// <summary>Refuses a request that cannot be served.</summary>
    /// <param name="prompt">The prompt's tokens, then those generated before.</param>
    /// <param name="options">What to generate; null: the defaults.</param>
    /// <returns>
    /// The options, with lists of their own: the caller may change its lists afterwards. Bad words are ids in them.
    /// </returns>
    /// <exception cref="OptionException">An option is out of its limits.</exception>
    /// <exception cref="RequestException">
    /// The prompt is empty or holds an unknown id, or the engine lacks what an option needs.
    /// </exception>
    /// <exception cref="ContextLengthException">The prompt leaves no room for a token.</exception>
    /// <exception cref="PoolCapacityException">The request could need more blocks than there are.</exception>
    public GenerationOptions Check(ReadOnlySpan<int> prompt, GenerationOptions? options)
    {
        var own = (options ?? new GenerationOptions()).WithOwnLists();
        own.Validate();
        CheckPrompt(prompt, own);
        if (own.Speculation is { Source: DraftSource.DraftModel } && !_hasDraftModel)
        {
            throw new RequestException("The engine was given no draft model.");
        }

        if (_withoutTokenizer is not null && own.Stop.Count > 0)
        {
            throw new RequestException($"{_withoutTokenizer}, so that stop texts cannot be looked for.");
        }

        own = WithBadWordsAsIds(own);
        TokenRules.Check(own, _model.VocabSize);
        if (own.GeneratedBefore > 0)
        {
            // The prompt's log-probabilities came with the first of the tokens generated before.
            own = own with { PromptLogProbs = false };
            ResumeRules.Check(prompt[^own.GeneratedBefore..], own, _model, _tokenizer);
        }

        if (own.Constraint is not null)
        {
            CheckConstraint(own);
        }

        CheckRoom(prompt.Length - own.GeneratedBefore, own);
        return own;
    }

    /// <summary>Refuses token ids that the model does not have.</summary>
    /// <exception cref="RequestException">An id is outside the vocabulary.</exception>
    public void CheckIds(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            if ((uint)id >= (uint)_model.VocabSize)
            {
                throw new RequestException(
                    $"The prompt holds the token id {id}; the vocabulary has ids 0 to {_model.VocabSize - 1}.");
            }
        }
    }

    private void CheckPrompt(ReadOnlySpan<int> prompt, GenerationOptions options)
    {
        if (prompt.IsEmpty)
        {
            throw new RequestException("The prompt is empty; at least one token is needed.");
        }

        var before = options.GeneratedBefore;
        if (before >= prompt.Length)
        {
            throw new OptionException(
                "generated_before",
                before.ToString(CultureInfo.InvariantCulture),
                $"less than the number of the prompt's tokens, {prompt.Length}");
        }

        var length = prompt.Length - before;
        var wanted = Math.Max(before, Math.Min(1, options.MaxNewTokens));
        if ((long)length + wanted > _model.ContextLength)
        {
            throw new ContextLengthException(length, wanted, _model.ContextLength);
        }

        CheckIds(prompt);
    }

    /// <summary>
    /// Adds the ids of the bad words: as the tokenizer writes each with and without a space before it.
    /// </summary>
    private GenerationOptions WithBadWordsAsIds(GenerationOptions options)
    {
        if (options.BadWords.Count == 0)
        {
            return options;
        }

        if (_tokenizer is null)
        {
            throw new RequestException($"{_withoutTokenizer}, so that bad words cannot be looked for.");
        }

        var ids = options.BadWordsIds.ToList();
        foreach (var word in options.BadWords)
        {
            var text = word.TrimStart();
            ids.Add(_tokenizer.Encode(text.Length == 0 ? word : text));
            if (text.Length > 0)
            {
                ids.Add(_tokenizer.Encode(" " + text));
            }
        }

        return options with { BadWords = [], BadWordsIds = ids };
    }

    private void CheckConstraint(GenerationOptions options)
    {
        if (_tokenizer is null)
        {
            throw new RequestException($"{_withoutTokenizer}, so that a constraint cannot be applied.");
        }

        if (options.Beams is not null && (options.EosTokenIds ?? _model.EosTokenIds).Count == 0)
        {
            throw new OptionException(
                "constraint", "set with beams", "unset with beams where the model has no end-of-text id");
        }
    }

    private void CheckRoom(int promptLength, GenerationOptions options)
    {
        var sequences = options.Beams?.NumBeams ?? options.Samples;
        if (sequences > _maxSequences)
        {
            throw new OptionException(
                options.Beams is null ? "n" : "num_beams",
                sequences.ToString(CultureInfo.InvariantCulture),
                $"at most {_maxSequences}, the sequences that run at once");
        }

        // The last token's keys and values are never stored.
        var stored = Math.Max(
            promptLength, Math.Min((long)promptLength + options.MaxNewTokens, _model.ContextLength) - 1);
        var needed = Scheduler.WorstCaseBlocks(promptLength, (int)stored, sequences, _blockSize);
        if (needed > _blockCount)
        {
            throw new PoolCapacityException(needed, _blockCount, _blockSize);
        }
    }
}
