using TorchKv.Runtime.Cpu;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>
/// Computes attention weights again from the queries and keys that were recorded, under several hypotheses of how they were split into
/// heads and whose keys the cache gave back.
/// </summary>
internal static class AttentionReplay
{
    private enum Split
    {
        /// <summary>(tokens, heads · d) viewed as (tokens, heads, d), then transposed.</summary>
        Right,

        /// <summary>Viewed as (heads, tokens, d) at once.</summary>
        WithoutTranspose,

        /// <summary>Viewed as (tokens, d, heads).</summary>
        HeadsLast,
    }

    public static Resemblance? Explain(Scene scene, AttentionWeights expected, AttentionWeights actual)
    {
        if (Parts(scene, expected) is not var (queries, keys))
        {
            return null;
        }

        var right = Weights(queries, keys, Split.Right, Split.Right, expected);
        var (originalRight, portRight) = (Near(right, expected), Near(Weights(queries, keys, Split.Right, Split.Right, actual), actual));
        if (originalRight == portRight)
        {
            return null;
        }

        var (other, side, otherSide) = originalRight ? (actual, scene.Port, scene.Original) : (expected, scene.Original, scene.Port);
        if (Near(Weights(keys.Length == queries.Length ? keys : [.. keys.TakeLast(queries.Length)], queries, Split.Right, Split.Right, other), other) && keys.Length == queries.Length)
        {
            return new(ResemblanceKind.Transposed, $"queries and keys are exchanged in {side}: the scores are transposed");
        }

        foreach (var (q, k) in new[]
        {
            (Split.WithoutTranspose, Split.WithoutTranspose), (Split.Right, Split.WithoutTranspose), (Split.WithoutTranspose, Split.Right),
            (Split.HeadsLast, Split.HeadsLast), (Split.Right, Split.HeadsLast), (Split.HeadsLast, Split.Right),
        })
        {
            if (Near(Weights(queries, keys, q, k, other), other))
            {
                var which = q == k ? "queries and keys are" : q == Split.Right ? "keys are" : "queries are";
                return new(ResemblanceKind.Heads, (q == Split.HeadsLast || k == Split.HeadsLast)
                    ? $"heads are transposed: in {side} {which} viewed as (tokens, head_dim, heads), in {otherSide} as (tokens, heads, head_dim)"
                    : $"heads and positions are transposed: in {side} {which} viewed as (heads, tokens, head_dim) without the transpose from (tokens, heads, head_dim)");
            }
        }

        return scene.PastTokens > 0 ? Owners(scene, queries, keys, other, side) : null;
    }

    /// <summary>Whose key each column of the weights speaks of: another token's, another row's, another layer's.</summary>
    private static Resemblance? Owners(Scene scene, Rows[] queries, Rows[] keys, AttentionWeights weights, string side)
    {
        var candidates = new List<(string Label, int? Token, bool SameRow, bool SameLayer, Func<int, int, int, float> Value)>();
        var step = queries[^1];
        var name = keys[^1].Module;
        var found = new List<(int Column, int Batch, string Label, int? Token, bool SameRow, bool SameLayer)>();
        for (var batch = 0; batch < weights.Batch; batch++)
        {
            candidates.Clear();
            foreach (var layer in Layers(scene, name))
            {
                var token = 0;
                foreach (var part in layer == name ? keys : Load(scene, layer))
                {
                    for (var b = 0; b < part.Batch; b++)
                    {
                        for (var t = 0; t < part.Tokens; t++)
                        {
                            var (from, row, at, absolute) = (part, b, t, token + t);
                            candidates.Add((
                                layer == name ? "" : $"of {layer}", absolute, b == batch, layer == name,
                                (head, i, d) => from.Values[(((row * from.Tokens) + at) * from.Width) + from.Offset + (head * d) + i]));
                        }
                    }

                    token += part.Tokens;
                }
            }

            candidates.Add(("zero", null, true, true, (_, _, _) => 0f));
            for (var column = 0; column < scene.PastTokens; column++)
            {
                if (Find(batch, column) is { } best)
                {
                    found.Add((column, batch, best.Label, best.Token, best.SameRow, best.SameLayer));
                }
            }
        }

        var wrong = found.Where(f => f.Token != f.Column || !f.SameRow || !f.SameLayer).ToList();
        if (found.Count * 2 < weights.Batch * scene.PastTokens || wrong.Count == 0)
        {
            return null;
        }

        var columns = Numbers.Ranges(wrong.Select(w => w.Column));
        var owner = wrong.TrueForAll(w => w.Token is null) ? "zeros: slots that were never written"
            : wrong.TrueForAll(w => !w.SameLayer) ? $"the keys {wrong[0].Label}: two layers share a cache"
            : wrong.TrueForAll(w => !w.SameRow) ? "the keys of another row of the batch"
            : wrong.Select(w => w.Token).Distinct().Count() == 1 ? $"the key of token {wrong[0].Token} every time"
            : "other tokens' keys: " + string.Join(", ", wrong.Take(6).Select(w => $"{w.Column} holds {w.Token}"));
        return new(ResemblanceKind.Cache, $"the cached keys at positions {columns} are not those that were put in; in {side} they are {owner} (cache)");

        (string Label, int? Token, bool SameRow, bool SameLayer)? Find(int batch, int column)
        {
            // The right owner first, so that a key that is where it should be is not called another's.
            foreach (var candidate in candidates.OrderByDescending(c => c.SameRow && c.SameLayer && c.Token == column))
            {
                var fits = true;
                var compared = 0;
                for (var head = 0; fits && head < weights.Heads; head++)
                {
                    for (var q = 0; fits && q < weights.Queries; q++)
                    {
                        var own = scene.PastTokens + q;
                        var (w, reference) = (weights[batch, head, q, column], weights[batch, head, q, own]);
                        if (w < 1e-6f || reference < 1e-6f)
                        {
                            continue;
                        }

                        var d = step.HeadDim;
                        double score = 0;
                        for (var i = 0; i < d; i++)
                        {
                            var x = step.Values[(((batch * step.Tokens) + q) * step.Width) + step.Offset + (head * d) + i];
                            var k = keys[^1];
                            var mine = k.Values[(((batch * k.Tokens) + q) * k.Width) + k.Offset + (head * d) + i];
                            score += x * (candidate.Value(head, i, d) - (double)mine);
                        }

                        fits = Math.Abs((score / Math.Sqrt(d)) - Math.Log(w / (double)reference)) < 1e-3;
                        compared++;
                    }
                }

                if (fits && compared > 1)
                {
                    return (candidate.Label, candidate.Token, candidate.SameRow, candidate.SameLayer);
                }
            }

            return null;
        }
    }

    private static IEnumerable<string> Layers(Scene scene, string name)
    {
        yield return name;
        var parts = name.Split('.');
        var at = Array.FindIndex(parts, part => int.TryParse(part, out _));
        for (var layer = 0; at >= 0 && layer < 256; layer++)
        {
            var other = string.Join('.', parts.Select((part, i) => i == at ? $"{layer}" : part));
            if (other == name)
            {
                continue;
            }

            if (scene.History(other).Count == 0)
            {
                yield break;
            }

            yield return other;
        }
    }

    private static Rows[] Load(Scene scene, string module) =>
        [.. scene.History(module).Where(pair => pair.Shape.Length >= 2).Select(pair => new Rows(module, pair.Expected, 0, pair.Shape[^1], 1))];

    // Queries of this step, and keys of this step and the steps before it.
    private static (Rows[] Queries, Rows[] Keys)? Parts(Scene scene, AttentionWeights weights)
    {
        var parent = scene.Expected.Key.Module[..(scene.Expected.Key.Module.LastIndexOf('.') + 1)];
        var names = scene.Earlier.Select(pair => pair.Key.Module).Where(module => module.StartsWith(parent, StringComparison.Ordinal)).ToArray();
        var query = Array.Find(names, n => Ends(n, "query", "q_proj", "W_q", "wq"));
        var key = Array.Find(names, n => Ends(n, "key", "k_proj", "W_k", "wk"));
        var fused = Array.Find(names, n => Ends(n, "c_attn", "qkv", "qkv_proj", "Wqkv"));
        var (queryAt, keyAt, parts) = (0, 0, 1);
        if (query is null || key is null)
        {
            if (fused is null)
            {
                return null;
            }

            (query, key, keyAt, parts) = (fused, fused, 1, 3);
        }

        var (queries, keys) = (Collect(query, queryAt), Collect(key, keyAt));
        if (queries.Length == 0 || keys.Length == 0 || queries[^1].Tokens != weights.Queries || keys.Sum(k => k.Tokens) != weights.Keys
            || queries[^1].Width / parts % weights.Heads != 0 || queries.Concat(keys).Any(r => r.Batch != weights.Batch))
        {
            return null;
        }

        return ([queries[^1]], keys);

        Rows[] Collect(string module, int part) =>
            [.. scene.History(module).Where(pair => pair.Shape.Length >= 2 && pair.Shape[^1] % (parts * weights.Heads) == 0)
                .Select(pair => new Rows(module, pair.Expected, part * (pair.Shape[^1] / parts), pair.Shape[^1] / parts, weights.Heads))];

        static bool Ends(string name, params string[] ends) => Array.Exists(ends, end => name.EndsWith(end, StringComparison.OrdinalIgnoreCase));
    }

    private static float[] Weights(Rows[] queries, Rows[] keys, Split splitQueries, Split splitKeys, AttentionWeights visible)
    {
        var result = new float[visible.Values.Length];
        var (q, d) = (queries[^1], queries[^1].HeadDim);
        var scores = new double[visible.Keys];
        for (var b = 0; b < visible.Batch; b++)
        {
            for (var h = 0; h < visible.Heads; h++)
            {
                for (var t = 0; t < visible.Queries; t++)
                {
                    var at = 0;
                    foreach (var k in keys)
                    {
                        for (var s = 0; s < k.Tokens && at < scores.Length; s++)
                        {
                            double score = 0;
                            for (var i = 0; i < d; i++)
                            {
                                score += (double)q.At(splitQueries, visible.Heads, b, h, t, i) * k.At(splitKeys, visible.Heads, b, h, s, i);
                            }

                            scores[at++] = score / Math.Sqrt(d);
                        }
                    }

                    double most = double.NegativeInfinity, sum = 0;
                    for (var j = 0; j < scores.Length; j++)
                    {
                        most = visible.Sees(b, h, t, j) ? Math.Max(most, scores[j]) : most;
                    }

                    for (var j = 0; j < scores.Length; j++)
                    {
                        scores[j] = visible.Sees(b, h, t, j) ? Math.Exp(scores[j] - most) : 0;
                        sum += scores[j];
                    }

                    for (var j = 0; j < scores.Length; j++)
                    {
                        result[(((((b * visible.Heads) + h) * visible.Queries) + t) * visible.Keys) + j] = (float)(sum == 0 ? 0 : scores[j] / sum);
                    }
                }
            }
        }

        return result;
    }

    private static bool Near(float[] replay, AttentionWeights weights)
    {
        for (var i = 0; i < replay.Length; i++)
        {
            if (!(Math.Abs(replay[i] - weights.Values[i]) <= 2e-4f))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A projection's output of one step: (batch, tokens, width), of which a part may be meant.</summary>
    private sealed record Rows(string Module, Activation From, int Offset, int Part, int Heads)
    {
        public float[] Values => From.Values;

        public int Width => From.Columns;

        public int Tokens => From.Shape[^2];

        public int Batch => From.Rows / Math.Max(1, Tokens);

        public int HeadDim => Part / Heads;

        public float At(Split split, int heads, int batch, int head, int token, int i)
        {
            var d = Part / heads;
            var (t, column) = split switch
            {
                Split.Right => (token, (head * d) + i),
                Split.HeadsLast => (token, (i * heads) + head),
                _ => (((((head * Tokens) + token) * d) + i) / Part, ((((head * Tokens) + token) * d) + i) % Part),
            };
            return Values[(((batch * Tokens) + t) * Width) + Offset + column];
        }
    }
}
