using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Diagnosis;

/// <summary>The recorded queries of a step, and the recorded keys of that step and the earlier ones.</summary>
internal sealed record QueriesAndKeys(ProjectedRows Queries, IReadOnlyList<ProjectedRows> Keys)
{
    private static readonly string[] s_query = ["query", "q_proj", "W_q", "wq"];
    private static readonly string[] s_key = ["key", "k_proj", "W_k", "wk"];
    private static readonly string[] s_joined = ["c_attn", "qkv", "qkv_proj", "Wqkv"];

    /// <summary>
    /// Finds the projections next to the attention weights; null where there are none of fitting shapes.
    /// </summary>
    public static QueriesAndKeys? Find(Mismatch mismatch, AttentionWeights weights)
    {
        var module = mismatch.Expected.Key.Module;
        var parent = module[..(module.LastIndexOf('.') + 1)];
        var names = mismatch.Earlier.Select(pair => pair.Key.Module)
            .Where(name => name.StartsWith(parent, StringComparison.Ordinal)).ToArray();
        var (query, key, joined) = (WithEnding(s_query), WithEnding(s_key), WithEnding(s_joined));
        var isJoined = query is null || key is null;
        if (isJoined && joined is null)
        {
            return null;
        }

        // A joined projection gives queries, keys and values next to each other.
        var parts = isJoined ? 3 : 1;
        var queries = Collect(mismatch, isJoined ? joined! : query!, 0, parts, weights.Heads);
        var keys = Collect(mismatch, isJoined ? joined! : key!, isJoined ? 1 : 0, parts, weights.Heads);
        var fits = queries.Count > 0 && keys.Count > 0
            && queries[^1].Tokens == weights.Queries && keys.Sum(k => k.Tokens) == weights.Keys
            && queries.Concat(keys).All(rows => rows.Batch == weights.Batch);
        return fits ? new(queries[^1], keys) : null;

        string? WithEnding(string[] endings) => Array.Find(
            names, name => Array.Exists(endings, end => name.EndsWith(end, StringComparison.OrdinalIgnoreCase)));
    }

    private static List<ProjectedRows> Collect(Mismatch mismatch, string module, int part, int parts, int heads)
    {
        var rows = new List<ProjectedRows>();
        foreach (var pair in mismatch.History(module))
        {
            if (pair.Shape.Length >= 2 && pair.Shape[^1] % (parts * heads) == 0)
            {
                var columns = pair.Shape[^1] / parts;
                rows.Add(new(module, pair.Expected, part * columns, columns, heads));
            }
        }

        return rows;
    }
}
