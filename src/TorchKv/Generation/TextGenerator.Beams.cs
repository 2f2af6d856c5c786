using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;

namespace TorchKv.Generation;

public sealed partial class TextGenerator
{
    /// <summary>Beam search from a text.</summary>
    /// <inheritdoc cref="BeamSearchAsync(IReadOnlyList{int}, BeamSearchOptions, GenerationOptions?, CancellationToken)"/>
    public Task<IReadOnlyList<BeamHypothesis>> BeamSearchAsync(string prompt, BeamSearchOptions beams, GenerationOptions? options = null, CancellationToken cancellationToken = default) =>
        BeamSearchAsync(Encode(prompt), beams, options, cancellationToken);

    /// <summary>Beam search, as HuggingFace's <c>generate</c> with <c>num_beams</c>: the beams are rows of one batch whose cache is reordered.</summary>
    /// <param name="promptIds">The prompt's ids, at least one, and room for one more in the context.</param>
    /// <param name="beams">How many beams, and how they are scored.</param>
    /// <param name="options">Budget, end-of-text ids, repetition penalty and no-repeat n-grams; stop texts and sampling are not served. Null: the defaults.</param>
    /// <param name="cancellationToken">Ends the search within one token.</param>
    /// <returns>The best finished sequences, best first.</returns>
    /// <exception cref="TorchKvException">The prompt or an option cannot be served; nothing has run.</exception>
    public async Task<IReadOnlyList<BeamHypothesis>> BeamSearchAsync(
        IReadOnlyList<int> promptIds, BeamSearchOptions beams, GenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        options = Resolve(options);
        if (options.Stop.Count > 0)
        {
            throw new TorchKvException("Stop texts are not served with beam search; end-of-text ids are.");
        }

        var prompt = CheckPrompts([promptIds])[0];
        if (prompt.Count == Model.cfg.context_length)
        {
            throw new ContextLengthException(prompt.Count, 1, Model.cfg.context_length);
        }

        var newTokens = Math.Min(options.MaxNewTokens, Model.cfg.context_length - prompt.Count);
        var search = new BeamSearch([.. prompt], Model.cfg.vocab_size, beams, options.EosTokenIds ?? [], newTokens, options);
        await OnOwnThread(() => Search(search, prompt, newTokens, cancellationToken)).ConfigureAwait(false);
        return search.Finish();
    }

    private void Search(BeamSearch search, List<int> prompt, int newTokens, CancellationToken cancellationToken)
    {
        LastCacheUsage = default;
        SetCache(prompt.Count + newTokens);
        using var batch = new Batch(Model, _options.Cache is not null, [prompt]);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            search.Advance(batch.Step());
            if (search.IsDone)
            {
                break;
            }

            batch.Select([.. search.BeamIndices]);
            batch.Append(search.NextTokens);
        }

        batch.Measure();
        LastCacheUsage = batch.Usage;
    }
}
