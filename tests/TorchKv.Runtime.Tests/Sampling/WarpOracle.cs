using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Tests.Sampling;

/// <summary>
/// HuggingFace's processors, and vLLM's where HuggingFace has none, each by its definition with whole sorts, float32
/// where PyTorch has it.
/// </summary>
internal static class WarpOracle
{
    public static float[] Process(float[] logits, int[] history, GenerationOptions options, int generated = 0)
    {
        float[] result = [.. logits];
        if (options.AllowedTokenIds is { } allowed)
        {
            Remove(result, id => !allowed.Contains(id));
        }

        foreach (var (id, bias) in options.LogitBias ?? new Dictionary<int, float>())
        {
            result[id] += bias;
        }

        logits = [.. result];
        if (options.RepetitionPenalty is { } penalty)
        {
            foreach (var id in history.Distinct())
            {
                result[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
            }
        }

        foreach (var token in history[^generated..].GroupBy(id => id))
        {
            result[token.Key] -= (options.FrequencyPenalty ?? 0) * token.Count();
            result[token.Key] -= options.PresencePenalty ?? 0;
        }

        if (options.NoRepeatNgramSize is > 0 and var n)
        {
            var ngrams = Enumerable.Range(0, Math.Max(0, history.Length - n + 1)).Select(i => history[i..(i + n)]).ToArray();
            for (var id = 0; id < result.Length; id++)
            {
                int[] next = [.. history, id];
                if (next.Length >= n && ngrams.Any(ngram => ngram.SequenceEqual(next[^n..])))
                {
                    result[id] = float.NegativeInfinity;
                }
            }
        }

        Remove(
            result,
            id => options.BadWordsIds.Any(
                word => history.Length >= word.Count - 1 && history[^(word.Count - 1)..].Append(id).SequenceEqual(word)));
        Remove(
            result,
            id => generated < options.MinNewTokens
                && (options.StopTokenIds.Contains(id) || options.EosTokenIds?.Contains(id) == true));
        return result;
    }

    public static float[] Warp(float[] logits, GenerationOptions options)
    {
        var result = logits.Select(logit => logit / (options.Temperature ?? 1)).ToArray();
        if (options.TopK is > 0 and var k)
        {
            var kth = result.OrderDescending().ElementAt(Math.Min(k, result.Length) - 1);
            Remove(result, id => result[id] < kth);
        }

        if (options.TopP is < 1 and var p)
        {
            var order = Order(result, id => result[id]);
            var sums = Sums(result, order);
            var removed = order.Where((_, i) => i < order.Length - 1 && sums[i] <= (float)(1 - Math.Round(p, 6))).ToHashSet();
            Remove(result, removed.Contains);
        }

        if (options.MinP is { } minP)
        {
            var probabilities = Softmax(result);
            Remove(result, id => probabilities[id] < minP * probabilities.Max());
        }

        if (options.TypicalP is < 1 and var mass)
        {
            var finite = result.Where(float.IsFinite).ToArray();
            var logSum = finite.Max() + Math.Log(finite.Sum(logit => Math.Exp((double)logit - finite.Max())));
            var normalized = result.Select(logit => (float)(logit - logSum)).ToArray();
            var probabilities = Softmax(result);
            var entropy = (float)-probabilities.Zip(normalized).Where(pair => pair.First > 0).Sum(pair => (double)pair.First * pair.Second);
            var distances = normalized.Select(value => Math.Abs(-value - entropy)).ToArray();
            var order = Order(result, id => distances[id]);
            var last = Math.Min(Sums(result, order).Count(sum => sum < (float)Math.Round(mass, 6)), order.Length - 1);
            var farthest = distances[order[last]];
            Remove(result, id => distances[id] > farthest);
        }

        return result;
    }

    private static int[] Order(float[] logits, Func<int, float> key) => [.. Enumerable.Range(0, logits.Length).OrderBy(key)];

    private static float[] Sums(float[] logits, int[] order)
    {
        var probabilities = Softmax(logits);
        var sum = 0.0;
        return [.. order.Select(id => (float)(sum += probabilities[id]))];
    }

    private static float[] Softmax(float[] logits)
    {
        var max = logits.Max();
        var sum = logits.Sum(logit => Math.Exp((double)logit - max));
        return [.. logits.Select(logit => (float)(Math.Exp((double)logit - max) / sum))];
    }

    private static void Remove(float[] logits, Func<int, bool> isRemoved)
    {
        var removed = Enumerable.Range(0, logits.Length).Where(isRemoved).ToArray();
        foreach (var id in removed)
        {
            logits[id] = float.NegativeInfinity;
        }
    }
}
