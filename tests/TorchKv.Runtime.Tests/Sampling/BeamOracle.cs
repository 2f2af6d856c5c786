using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Tests.Sampling;

/// <summary>
/// HuggingFace's <c>_beam_search</c> as it is written there: whole score tables, whole sorts, −1e9 for what cannot be.
/// </summary>
internal static class BeamOracle
{
    private sealed record Entry(int[] Tokens, float Score, bool Finished);

    public static List<(int[] Tokens, float Score)> Run(Func<int[], float[]> next, int[] prompt, BeamSearchOptions options, int[] eos, int maxNewTokens, Func<float[], int[], float[]> process)
    {
        var beams = options.NumBeams;
        var keep = Math.Max(2, 1 + eos.Length) * beams;
        var running = Enumerable.Range(0, beams).Select(beam => new Entry(prompt, beam == 0 ? 0 : -1e9f, false)).ToList();
        var finished = Enumerable.Range(0, beams).Select(_ => new Entry(prompt, -1e9f, false)).ToList();
        var improvable = true;
        for (var length = 1; ; length++)
        {
            var all = running.SelectMany(beam => LogSoftmax(next(beam.Tokens), beam.Tokens, process)
                .Select((logProbability, token) => new Entry([.. beam.Tokens, token], logProbability + beam.Score, false)));
            var top = all.OrderByDescending(entry => entry.Score).Take(keep).Select(entry => entry with { Finished = length == maxNewTokens || eos.Contains(entry.Tokens[^1]) }).ToList();
            running = [.. top.Select(entry => entry with { Score = entry.Score + (entry.Finished ? -1e9f : 0) }).OrderByDescending(entry => entry.Score).Take(beams)];

            var full = finished.All(entry => entry.Finished) && options.EarlyStopping == EarlyStopping.WhenFull;
            var ended = top.Select((entry, i) =>
            {
                var isEnd = entry.Finished && i < beams;
                var score = entry.Score / (float)Math.Pow(length, options.LengthPenalty);
                score += full ? -1e9f : 0;
                score += improvable ? 0 : -1e9f;
                score += isEnd ? 0 : -1e9f;
                return new Entry(entry.Tokens, score, isEnd);
            });
            finished = [.. finished.Concat(ended).OrderByDescending(entry => entry.Score).Take(beams)];

            var best = running[0].Score / (float)Math.Pow(options.EarlyStopping == EarlyStopping.WhenCertain && options.LengthPenalty > 0 ? maxNewTokens : length, options.LengthPenalty);
            improvable &= finished.Any(entry => best > (entry.Finished ? finished.Min(other => other.Score) : -1e9f));
            var open = !(finished.All(entry => entry.Finished) && options.EarlyStopping == EarlyStopping.WhenFull);
            if (!improvable || !open || top.All(entry => entry.Finished))
            {
                return [.. finished.Where(entry => entry.Finished).Take(options.NumReturnSequences).Select(entry => (entry.Tokens[prompt.Length..], entry.Score))];
            }
        }
    }

    private static float[] LogSoftmax(float[] logits, int[] tokens, Func<float[], int[], float[]> process)
    {
        var max = logits.Max();
        var logSum = max + Math.Log(logits.Sum(logit => Math.Exp((double)logit - max)));
        return process([.. logits.Select(logit => (float)(logit - logSum))], tokens);
    }
}
