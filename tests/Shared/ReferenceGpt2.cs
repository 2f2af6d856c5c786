using System.Text.Json;

namespace TorchKv.TestSupport;

/// <summary>What a forward gives, all in double.</summary>
/// <param name="Logits">(tokens, vocabulary).</param>
/// <param name="Keys">(layers, heads, tokens, head_dim).</param>
/// <param name="Values">(layers, heads, tokens, head_dim).</param>
internal sealed record ReferenceOutput(double[][] Logits, double[][][][] Keys, double[][][][] Values);

/// <summary>
/// GPT-2 written to be obvious: one row, no cache, every position computed again, in double. The oracle that caches,
/// runners and generation are held against. A row of a left-padded batch is its tokens without the pads, because
/// positions count from its first token and pads are masked.
/// </summary>
internal sealed class ReferenceGpt2
{
    private readonly Dictionary<string, FloatTensor> _tensors;
    private readonly string _prefix;
    private readonly string _activation;
    private readonly double _epsilon;
    private readonly bool _scaleWeights;
    private readonly bool _scaleByLayer;

    private ReferenceGpt2(JsonElement config, Dictionary<string, FloatTensor> tensors)
    {
        _tensors = tensors;
        _prefix = tensors.ContainsKey("transformer.wte.weight") ? "transformer." : "";
        LayerCount = config.GetProperty("n_layer").GetInt32();
        HeadCount = config.GetProperty("n_head").GetInt32();
        Width = config.GetProperty("n_embd").GetInt32();
        ContextLength = config.GetProperty("n_positions").GetInt32();
        VocabSize = config.GetProperty("vocab_size").GetInt32();
        _activation = config.GetProperty("activation_function").GetString()!;
        _epsilon = config.GetProperty("layer_norm_epsilon").GetDouble();
        _scaleWeights = !config.TryGetProperty("scale_attn_weights", out var scale) || scale.GetBoolean();
        _scaleByLayer = config.TryGetProperty("scale_attn_by_inverse_layer_idx", out var byLayer) && byLayer.GetBoolean();
    }

    public int LayerCount { get; }

    public int HeadCount { get; }

    public int Width { get; }

    public int ContextLength { get; }

    public int VocabSize { get; }

    /// <summary>Reads a model folder in HuggingFace's layout.</summary>
    public static ReferenceGpt2 Load(string folder)
    {
        using var config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")));
        return new ReferenceGpt2(config.RootElement, SafetensorsTensors.ReadFolder(folder));
    }

    /// <summary>The logits of every position, (tokens, vocabulary).</summary>
    /// <param name="ids">The row's tokens, at positions 0, 1, ….</param>
    /// <param name="window">How many keys a position sees, its own included; null: all before it.</param>
    public double[][] Logits(IReadOnlyList<int> ids, int? window = null) => Forward(ids, window).Logits;

    /// <summary>The last position's logits as float32, as a runner gives them.</summary>
    public float[] NextLogits(IReadOnlyList<int> ids, int? window = null)
        => [.. Forward(ids, window, lastLogitsOnly: true).Logits[^1].Select(logit => (float)logit)];

    /// <summary>The whole forward.</summary>
    public ReferenceOutput Forward(IReadOnlyList<int> ids, int? window = null, bool lastLogitsOnly = false)
    {
        var x = ids.Select((id, position) => Add(Row("wte.weight", id), Row("wpe.weight", position))).ToArray(); // (tokens, width)
        var keys = new double[LayerCount][][][];
        var values = new double[LayerCount][][][];
        for (var layer = 0; layer < LayerCount; layer++)
        {
            var name = $"h.{layer}.";
            var normed = x.Select(row => LayerNorm(row, name + "ln_1")).ToArray();
            var attended = Attention(normed, layer, window, out keys[layer], out values[layer]);
            x = [.. x.Zip(attended, Add)];
            x = [.. x.Select(row => Add(row, FeedForward(LayerNorm(row, name + "ln_2"), name)))];
        }

        var head = _tensors.TryGetValue("lm_head.weight", out var untied) ? untied : Tensor("wte.weight");
        var wanted = lastLogitsOnly ? x[^1..] : x;
        var logits = wanted.Select(row => LayerNorm(row, "ln_f")).Select(row => Enumerable.Range(0, VocabSize).Select(id => Dot(row, head.Row(id))).ToArray());
        return new ReferenceOutput([.. logits], keys, values);
    }

    private double[][] Attention(double[][] x, int layer, int? window, out double[][][] keys, out double[][][] values)
    {
        var qkv = x.Select(row => Linear(row, $"h.{layer}.attn.c_attn")).ToArray(); // (tokens, 3 · width)
        var size = Width / HeadCount;
        double[][][] Heads(int part) => [.. Enumerable.Range(0, HeadCount).Select(head => qkv.Select(row => row.AsSpan((part * Width) + (head * size), size).ToArray()).ToArray())];
        var queries = Heads(0);
        keys = Heads(1);
        values = Heads(2);
        var scale = (_scaleWeights ? 1 / Math.Sqrt(size) : 1) / (_scaleByLayer ? layer + 1 : 1);
        var output = new double[x.Length][];
        for (var t = 0; t < x.Length; t++)
        {
            var joined = new double[Width];
            var first = Math.Max(0, t + 1 - (window ?? x.Length));
            for (var head = 0; head < HeadCount; head++)
            {
                var scores = Enumerable.Range(first, t + 1 - first).Select(_ => 0.0).ToArray();
                for (var s = first; s <= t; s++)
                {
                    for (var d = 0; d < size; d++)
                    {
                        scores[s - first] += scale * queries[head][t][d] * keys[head][s][d];
                    }
                }

                var weights = Softmax(scores);
                for (var s = first; s <= t; s++)
                {
                    for (var d = 0; d < size; d++)
                    {
                        joined[(head * size) + d] += weights[s - first] * values[head][s][d];
                    }
                }
            }

            output[t] = Linear(joined, $"h.{layer}.attn.c_proj");
        }

        return output;
    }

    private double[] FeedForward(double[] x, string name)
        => Linear([.. Linear(x, name + "mlp.c_fc").Select(Activate)], name + "mlp.c_proj");

    private double Activate(double x) => _activation switch
    {
        "gelu_new" or "gelu_pytorch_tanh" => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))),
        "gelu" => 0.5 * x * (1 + Erf(x / Math.Sqrt(2))),
        "relu" => Math.Max(0, x),
        "silu" or "swish" => x / (1 + Math.Exp(-x)),
        "tanh" => Math.Tanh(x),
        _ => throw new NotSupportedException(_activation),
    };

    private double[] LayerNorm(double[] x, string name)
    {
        var mean = x.Average();
        var deviation = Math.Sqrt(x.Average(value => (value - mean) * (value - mean)) + _epsilon);
        var (weight, bias) = (Tensor(name + ".weight").Values, Tensor(name + ".bias").Values);
        return [.. x.Select((value, i) => ((value - mean) / deviation * weight[i]) + bias[i])];
    }

    /// <summary>GPT-2 keeps its matrices as (in, out): HuggingFace's Conv1D.</summary>
    private double[] Linear(double[] x, string name)
    {
        var weight = Tensor(name + ".weight");
        var y = Tensor(name + ".bias").Values.Select(value => (double)value).ToArray();
        for (var i = 0; i < x.Length; i++)
        {
            var row = weight.Row(i);
            for (var j = 0; j < y.Length; j++)
            {
                y[j] += x[i] * row[j];
            }
        }

        return y;
    }

    /// <summary>Softmax in double, for tests of what comes after the logits too.</summary>
    public static double[] Softmax(double[] scores)
    {
        var max = scores.Max();
        var sum = scores.Sum(score => Math.Exp(score - max));
        return [.. scores.Select(score => Math.Exp(score - max) / sum)];
    }

    /// <summary>erf by its Taylor series, and 1 − the continued fraction of erfc where that converges better.</summary>
    private static double Erf(double x)
    {
        if (Math.Abs(x) > 3)
        {
            var fraction = 0.0;
            for (var k = 60; k >= 1; k--)
            {
                fraction = k / 2.0 / (Math.Abs(x) + fraction);
            }

            return Math.Sign(x) * (1 - (Math.Exp(-x * x) / Math.Sqrt(Math.PI) / (Math.Abs(x) + fraction)));
        }

        var (term, sum) = (x, x);
        for (var n = 1; n < 80; n++)
        {
            term *= -x * x / n;
            sum += term / ((2 * n) + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }

    private static double Dot(double[] a, ReadOnlySpan<float> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private double[] Row(string name, int i) => [.. Tensor(name).Row(i).ToArray().Select(value => (double)value)];

    private FloatTensor Tensor(string name) => _tensors[_prefix + name];
}
