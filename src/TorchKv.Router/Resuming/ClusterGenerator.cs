using Microsoft.AspNetCore.Http;
using TorchKv.Cluster.Routing;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;

namespace TorchKv.Router.Resuming;

/// <summary>
/// Generates by the replicas: a generator like an engine, whose requests survive the replica that began them.
/// </summary>
/// <remarks>
/// Everything above it, from the endpoints to the stream's events, is the server's own and does not see where a token
/// came from. A replica is given the prompt's ids and the options, and after a loss another one is given the ids that
/// came since then too; a token depends on these and the seed alone.
/// </remarks>
internal sealed class ClusterGenerator(ModelShape model, ClusterParts parts, IHttpContextAccessor requests) : IGenerator
{
    public ModelShape Model => model;

    public GeneratorLoad Load => parts.Pool.Load;

    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        IReadOnlyList<int> promptIds,
        GenerationOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(promptIds);
        options ??= new GenerationOptions();
        options.Validate();
        if (options is { IsGreedy: false, Seed: null })
        {
            // Else another replica would draw other tokens.
            options = options with { Seed = Sampler.NewSeed() };
        }

        int[] prompt = [.. promptIds];
        Check(prompt, options);
        return ReadAsync(prompt, options, HopContext.Of(requests.HttpContext), cancellationToken);
    }

    private async IAsyncEnumerable<GeneratedPiece> ReadAsync(
        int[] prompt,
        GenerationOptions options,
        HopContext hop,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stream = new ClusterStream(parts, model, hop, prompt, options);
        await foreach (var piece in stream.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            yield return piece;
        }
    }

    /// <summary>Refuses what every replica would refuse.</summary>
    private void Check(int[] prompt, GenerationOptions options)
    {
        if (prompt.Length == 0)
        {
            throw new RequestException("The prompt is empty; it needs at least one token.");
        }

        foreach (var id in prompt)
        {
            if ((uint)id >= (uint)model.VocabSize)
            {
                throw new RequestException($"{id} is no token id from 0 to {model.VocabSize - 1}.");
            }
        }

        var own = prompt.Length - options.GeneratedBefore;
        if (own + (long)options.MaxNewTokens > model.ContextLength)
        {
            throw new ContextLengthException(own, options.MaxNewTokens, model.ContextLength);
        }
    }
}
