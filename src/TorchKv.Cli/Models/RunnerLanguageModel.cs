using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Models;

/// <summary>The CPU runner under the engine: no native library is touched.</summary>
internal sealed partial class RunnerLanguageModel : ILanguageModel
{
    // Logits of so many positions are computed at once: 25 MB for GPT-2's vocabulary.
    private const int LogitRows = 128;

    private readonly CpuRunner _runner;
    private readonly Sampler _sampler;
    private readonly int[] _blocks;
    private float[] _logits = [];
    private int _fed;

    private RunnerLanguageModel(CpuRunner runner, Gpt2Tokenizer? tokenizer, string description)
    {
        (_runner, Tokenizer, Description) = (runner, tokenizer, description);
        _sampler = new Sampler(runner.Config.VocabSize);
        // One sequence of the whole context, in order; used while the engine is not.
        _blocks = [.. Enumerable.Range(0, (Config.ContextLength + runner.BlockSize - 1) / runner.BlockSize)];
    }

    public Gpt2Config Config => _runner.Config;

    public Gpt2Tokenizer? Tokenizer { get; }

    public string Description { get; }

    public CacheReport Cache { get; private set; } = new(CacheKinds.Paged, 0, 0, 0);

    public static RunnerLanguageModel Load(ModelRequest request)
    {
        // The weights come from the disk or the page cache while the vocabulary is parsed.
        var tokenizer = Task.Run(() => Gpt2Tokenizer.Exists(request.Directory) ? Gpt2Tokenizer.Load(request.Directory) : null);
        var runner = LoadRunner(request);
        try
        {
            return new RunnerLanguageModel(runner, tokenizer.GetAwaiter().GetResult(), $"{request.Directory} · {Describe(runner, request)}");
        }
        catch
        {
            runner.Dispose();
            throw;
        }
    }

    internal static CpuRunner LoadRunner(ModelRequest request) =>
        CpuRunner.Load(request.Directory, new CpuRunnerOptions { DType = Dtype(request.Dtype), Threads = request.Threads ?? 0 });

    internal static string Describe(CpuRunner runner, ModelRequest request) =>
        $"CPU runner, {runner.Options.Threads} thread{(runner.Options.Threads == 1 ? "" : "s")} · {request.Dtype}";

    public void Logits(ReadOnlyMemory<int> ids, IReadOnlyList<int> chunks, Action<int, ReadOnlySpan<float>> receive, CancellationToken cancellationToken)
    {
        var position = 0;
        foreach (var chunk in chunks)
        {
            for (var end = position + chunk; position < end;)
            {
                var tokens = ids.Slice(position, Math.Min(LogitRows, end - position));
                receive(position, Step(tokens, position, cancellationToken));
                position += tokens.Length;
            }
        }

        _fed = position;
    }

    public IReadOnlyList<CacheTensor> ExportCache()
    {
        var tensors = new List<CacheTensor>();
        long[] shape = [Config.HeadCount, _fed, Config.HeadDim];
        for (var layer = 0; layer < Config.LayerCount; layer++)
        {
            var (keys, values) = (new float[_fed * Config.EmbeddingSize], new float[_fed * Config.EmbeddingSize]);
            _runner.ReadKeysAndValues(layer, _blocks, _fed, keys, values);
            tensors.Add(new CacheTensor($"cache_k.{layer}", shape, keys));
            tensors.Add(new CacheTensor($"cache_v.{layer}", shape, values));
        }

        return tensors;
    }

    public double SumNegativeLogLikelihood(ReadOnlyMemory<int> ids, int first, CancellationToken cancellationToken)
    {
        var sum = 0.0;
        // Logits at t − 1 score the token at t; the last token's are nobody's.
        for (var position = 0; position < ids.Length - 1;)
        {
            var scored = position >= first - 1;
            var end = scored ? ids.Length - 1 : Math.Min(first - 1, ids.Length - 1);
            var tokens = ids[position..Math.Min(end, position + (scored ? LogitRows : _runner.MaxTokensPerStep))];
            if (scored)
            {
                var logits = Step(tokens, position, cancellationToken);
                for (var i = 0; i < tokens.Length; i++)
                {
                    var row = logits.Slice(i * Config.VocabSize, Config.VocabSize);
                    sum += _sampler.LogProbabilities(row, []) - row[ids.Span[position + i + 1]];
                }
            }
            else
            {
                _runner.Step([new RunnerRow(tokens, position, _blocks, LogitsWanted.None)], [], cancellationToken);
            }

            position += tokens.Length;
        }

        return sum;
    }

    public ValueTask DisposeAsync()
    {
        if (_engine is not null)
        {
            return _engine.DisposeAsync();
        }

        _runner.Dispose();
        return ValueTask.CompletedTask;
    }

    private ReadOnlySpan<float> Step(ReadOnlyMemory<int> tokens, int position, CancellationToken cancellationToken)
    {
        var wanted = tokens.Length * Config.VocabSize;
        if (_logits.Length < wanted)
        {
            _logits = new float[wanted];
        }

        _runner.Step([new RunnerRow(tokens, position, _blocks, LogitsWanted.All)], _logits.AsSpan(0, wanted), cancellationToken);
        return _logits.AsSpan(0, wanted);
    }

    private static CpuDType Dtype(string name) => name switch
    {
        "float32" => CpuDType.Float32,
        "bfloat16" => CpuDType.BFloat16,
        "int8" => CpuDType.Int8,
        "int4" => CpuDType.Int4,
        _ => throw new TorchKvException($"the CPU runner holds weights as float32, bfloat16, int8 or int4, not {name}; --runner torch serves {name}."),
    };
}
