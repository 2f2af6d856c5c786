using TorchKv.Caching;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.Tests.Caching;

/// <summary>
/// A cache as lists: what each row has seen, token by token. Random operations go to it and to a <see cref="KvCache"/>
/// alike, and after each update the keys and values must be those of the lists.
/// </summary>
internal sealed class CacheOracle(int seed, KvCache cache, Device? device = null)
{
    public const int Heads = 2;
    public const int HeadDim = 3;

    private readonly Random random = new(seed);
    private List<List<float[]>> keys = [];
    private List<List<float[]>> values = [];

    // Tokens that a window let go of, for good: they do not come back when it is cropped
    private int forgotten;

    /// <summary>Tokens that each row has.</summary>
    public int Length => keys.Count == 0 ? 0 : keys[0].Count;

    public Random Random => random;

    public void Update(int tokens)
    {
        if (Length == 0)
        {
            var rows = random.Next(1, 4);
            (keys, values) = ([.. Enumerable.Range(0, rows).Select(_ => new List<float[]>())], [.. Enumerable.Range(0, rows).Select(_ => new List<float[]>())]);
        }

        using var scope = NewDisposeScope();
        var (new_keys, new_values) = (Append(keys, tokens), Append(values, tokens));
        var (seen_keys, seen_values) = cache.update(new_keys, new_values);
        var past = cache.window is { } window ? Math.Min(Length - tokens, (int)window - 1) : Length - tokens;
        Compare(keys, seen_keys, past + tokens, "keys");
        Compare(values, seen_values, past + tokens, "values");
        forgotten = Math.Max(forgotten, Length - (int)Math.Min(Length, cache.window ?? Length));
        CheckState();
    }

    public void Crop(int length)
    {
        if (cache.window is { } window && length > 0 && length < Length && forgotten > Math.Max(0, length - window + 1))
        {
            Assert.Throws<NotSupportedException>(() => cache.crop(length));
            CheckState();
            return;
        }

        cache.crop(length);
        forgotten = length == 0 ? 0 : forgotten;
        foreach (var rows in keys.Concat(values))
        {
            rows.RemoveRange(length, rows.Count - length);
        }

        CheckState();
    }

    public void Select(params int[] rows)
    {
        using var index = tensor(rows.Select(row => (long)row).ToArray(), device: device);
        if (rows.Length == keys.Count)
        {
            cache.reorder(index);
        }
        else
        {
            cache.select(index);
        }

        Take(rows);
    }

    public void Repeat(int times)
    {
        cache.repeat(times);
        Take([.. Enumerable.Range(0, keys.Count).SelectMany(row => Enumerable.Repeat(row, times))]);
    }

    public void Reset()
    {
        cache.reset();
        forgotten = 0;
        foreach (var rows in keys.Concat(values))
        {
            rows.Clear();
        }

        CheckState();
    }

    public int Rows => keys.Count;

    private void Take(int[] rows)
    {
        (keys, values) = ([.. rows.Select(row => keys[row].ToList())], [.. rows.Select(row => values[row].ToList())]);
        CheckState();
    }

    private void CheckState()
    {
        Assert.Equal(Length, cache.length);
        Assert.Equal(Length == 0 ? 0 : keys.Count, cache.rows);
        Assert.InRange(cache.held, Math.Min(Length, (cache.window ?? long.MaxValue) - 1), Math.Min(Length, cache.window ?? long.MaxValue));
    }

    // As a projection leaves it: (rows, tokens, heads, head_dim) seen as (rows, heads, tokens, head_dim)
    private Tensor Append(List<List<float[]>> to, int tokens)
    {
        var data = new List<float>();
        foreach (var row in to)
        {
            for (var t = 0; t < tokens; t++)
            {
                // Some tokens are all zeros: a cache must not take them for empty slots
                var zero = random.Next(8) == 0;
                row.Add([.. Enumerable.Range(0, Heads * HeadDim).Select(_ => zero ? 0 : (random.NextSingle() - 0.5f) * 4)]);
                data.AddRange(row[^1]);
            }
        }

        return tensor(data.ToArray(), [to.Count, tokens, Heads, HeadDim], device: device).transpose(1, 2);
    }

    private void Compare(List<List<float[]>> expected, Tensor actual, int seen, string what)
    {
        Assert.Equal([expected.Count, Heads, seen, HeadDim], actual.shape);
        var got = Close.Values(actual);
        for (var row = 0; row < expected.Count; row++)
        {
            for (var head = 0; head < Heads; head++)
            {
                for (var t = 0; t < seen; t++)
                {
                    var token = expected[row][Length - seen + t].AsSpan(head * HeadDim, HeadDim);
                    var at = (((row * Heads) + head) * seen + t) * HeadDim;
                    var bound = cache is QuantizedKvCache ? Largest(token) / 254 * 1.0001f : 0;
                    Close.To(token, got.AsSpan(at, HeadDim), $"{what} of row {row}, head {head}, token {Length - seen + t}", bound, 0);
                }
            }
        }
    }

    private static float Largest(ReadOnlySpan<float> token)
    {
        var largest = 0f;
        foreach (var value in token)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        return largest;
    }
}
