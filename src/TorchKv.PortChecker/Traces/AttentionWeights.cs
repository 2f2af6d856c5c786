namespace TorchKv.PortChecking.Traces;

/// <summary>Attention weights, (batch, heads, queries, keys): numbers from 0 to 1 whose rows sum to one.</summary>
internal sealed class AttentionWeights
{
    // Softmax gives exact zeros where a score is −∞, or so low that exp underflows.
    private const float Visible = 1e-9f;

    private AttentionWeights(Activation activation)
    {
        Values = activation.Values;
        Shape = activation.Shape;
        Keys = Shape[^1];
        Queries = Shape[^2];
        Heads = Shape[^3];
        Batch = Values.Length / Math.Max(1, Keys * Queries * Heads);
    }

    public float[] Values { get; }

    public int[] Shape { get; }

    public int Batch { get; }

    public int Heads { get; }

    public int Queries { get; }

    public int Keys { get; }

    /// <summary>The number of queries in all batch rows and heads.</summary>
    public int Rows => Batch * Heads * Queries;

    public float this[int batch, int head, int query, int key] => Values[Index(batch, head, query) + key];

    /// <summary>The weights of all keys for one query.</summary>
    public ReadOnlySpan<float> Row(int batch, int head, int query) => Values.AsSpan(Index(batch, head, query), Keys);

    /// <summary>The weights of all keys for one query, counted through batch rows and heads.</summary>
    public ReadOnlySpan<float> Row(int row) => Values.AsSpan(row * Keys, Keys);

    /// <summary>Whether a key has a weight above zero.</summary>
    public bool Sees(int batch, int head, int query, int key) => this[batch, head, query, key] > Visible;

    /// <summary>Whether a query sees its own key, all earlier ones, and no later ones.</summary>
    /// <param name="row">The query, counted through batch rows and heads.</param>
    /// <param name="newest">The index of the query's own key.</param>
    public bool IsCausal(int row, int newest)
    {
        var weights = Row(row);
        for (var key = 0; key < weights.Length; key++)
        {
            if (weights[key] > Visible != key <= newest)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>
    /// The numbers as attention weights; null where they are none. A row may be all zeros, for a query that sees
    /// nothing.
    /// </summary>
    public static AttentionWeights? From(Activation activation) =>
        LooksLike(activation) && RowsSumToOne(activation, 1) ? new(activation) : null;

    /// <summary>
    /// The dimension, counted from the last, whose sums are one although it is not the keys: 2 for the queries, 3 for
    /// the heads; 0 where there is none.
    /// </summary>
    public static int SoftmaxDimension(Activation activation) =>
        !LooksLike(activation) ? 0 : RowsSumToOne(activation, 2) ? 2 : RowsSumToOne(activation, 3) ? 3 : 0;

    private static bool LooksLike(Activation activation) =>
        activation.Shape.Length >= 3 && activation.Values.Length > 0
        && Array.TrueForAll(activation.Values, value => value >= -1e-6f && value <= 1.01f);

    // Sums along a dimension, counted from the last, which is 1.
    private static bool RowsSumToOne(Activation activation, int dimension)
    {
        var shape = activation.Shape;
        var length = shape[^dimension];
        var stride = 1;
        for (var i = 1; i < dimension; i++)
        {
            stride *= shape[^i];
        }

        int ones = 0, zeros = 0, all = 0;
        for (var outer = 0; outer < activation.Values.Length; outer += length * stride)
        {
            for (var inner = 0; inner < stride; inner++)
            {
                var sum = 0.0;
                for (var i = 0; i < length; i++)
                {
                    sum += activation.Values[outer + (i * stride) + inner];
                }

                all++;
                ones += Math.Abs(sum - 1) < 0.01 ? 1 : 0;
                zeros += sum == 0 ? 1 : 0;
            }
        }

        return ones > 0 && ones + zeros == all && (length > 1 || dimension == 1);
    }

    private int Index(int batch, int head, int query) => ((((batch * Heads) + head) * Queries) + query) * Keys;
}
