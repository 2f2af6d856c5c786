using TorchKv.Server.Contracts;
using TorchKv.Server.Requests;
using TorchKv.Server.Telemetry;

namespace TorchKv.Server.Answers;

/// <summary>
/// Counts a request's tokens as its pieces come. A prompt counts once, however many answers it gets; an end-of-text or
/// stop id that ended an answer counts, as OpenAI counts it.
/// </summary>
internal sealed class UsageCounter(GenerationPlan plan)
{
    private readonly int _promptTokens = plan.Prompts.Sum(prompt => prompt.Ids.Count);
    private readonly int[] _completionTokens = new int[plan.Choices];
    private readonly int[] _cachedTokens = new int[plan.Prompts.Count];

    /// <summary>The usage so far; at the end the whole.</summary>
    public UsageInfo Now
    {
        get
        {
            var completion = _completionTokens.Sum();
            return new UsageInfo
            {
                PromptTokens = _promptTokens,
                CompletionTokens = completion,
                TotalTokens = _promptTokens + completion,
                PromptTokensDetails = new PromptTokensDetails
                {
                    CachedTokens = plan.IsRepeatable ? 0 : _cachedTokens.Sum(),
                },
            };
        }
    }

    public void Take(PromptPiece piece)
    {
        var choice = (piece.Prompt * plan.Samples) + piece.Piece.Row;
        if (piece.Piece.Usage is { } usage)
        {
            _completionTokens[choice] = usage.CompletionTokens + usage.EndTokens;
            _cachedTokens[piece.Prompt] = Math.Max(_cachedTokens[piece.Prompt], usage.CachedTokens);
        }
        else
        {
            _completionTokens[choice] += piece.Piece.TokenIds.Count;
        }
    }

    /// <summary>Tells a span what the request cost.</summary>
    public void Describe(GenerationSpan span)
    {
        var usage = Now;
        span.Tag(GenAi.InputTokens, usage.PromptTokens);
        span.Tag(GenAi.OutputTokens, usage.CompletionTokens);
        span.Tag(GenAi.CacheReadTokens, usage.PromptTokensDetails.CachedTokens);
    }
}
