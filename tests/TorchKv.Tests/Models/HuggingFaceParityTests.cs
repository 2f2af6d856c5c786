using TorchKv.Caching;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.TestSupport;
using static TorchKv.Models.TextGeneration;
using static TorchSharp.torch;

namespace TorchKv.Tests.Models;

/// <summary>The port against HuggingFace transformers 5.23, every configuration with every cache.</summary>
public class HuggingFaceParityTests
{
    public static TheoryData<string> Cases => [.. HuggingFaceCase.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public void LogitsWithoutACache(string name)
    {
        using var run = new Run(name);
        Close.To(run.Golden.Tensor("full.logits"), run.Model.forward(run.Golden.IdTensor("batch_ids")), "full.logits");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void KeysAndValuesInEveryCache(string name)
    {
        using var run = new Run(name);
        foreach (var _ in run.EveryCache())
        {
            Close.To(run.Golden.Tensor("full.logits"), run.Model.forward(run.Golden.IdTensor("batch_ids"), use_cache: true), "full.logits");
            for (var layer = 0; layer < run.Model.cfg.n_layers; layer++)
            {
                // What a token after them would attend to
                var cache = run.Model.trf_blocks[layer].att.kv_cache;
                var (b, h, d) = (2, run.Model.cfg.n_heads, run.Model.cfg.emb_dim / run.Model.cfg.n_heads);
                var (keys, values) = cache.update(zeros(b, h, 1, d), zeros(b, h, 1, d));
                Close.To(run.Golden.Tensor($"full.cache_k.{layer}"), keys.narrow(2, 0, 16), $"{cache.GetName()} full.cache_k.{layer}");
                Close.To(run.Golden.Tensor($"full.cache_v.{layer}"), values.narrow(2, 0, 16), $"{cache.GetName()} full.cache_v.{layer}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LeftPaddedRowsWithPositionsGivenOrCounted(string name)
    {
        using var run = new Run(name);
        var (ids, mask) = (run.Golden.IdTensor("leftpad_ids"), run.Golden.IdTensor("leftpad_mask"));
        foreach (var positions in new[] { run.Golden.IdTensor("leftpad_position_ids"), null })
        {
            Compare(run.Model.forward(ids, attention_mask: mask, position_ids: positions));
            foreach (var _ in run.EveryCache())
            {
                Compare(run.Model.forward(ids, use_cache: true, attention_mask: mask, position_ids: positions));
            }
        }

        void Compare(Tensor logits)
        {
            Assert.False(logits.isnan().any().item<bool>());
            var expected = run.Golden.Tensor("leftpad.logits");
            Close.To(expected[0], logits[0], "leftpad.logits row 0");
            Close.To(expected[1].narrow(0, 7, 9), logits[1].narrow(0, 7, 9), "leftpad.logits row 1 after its padding");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void IncrementalAndChunkedThroughEveryCache(string name)
    {
        using var run = new Run(name);
        foreach (var _ in run.EveryCache())
        {
            foreach (var how in new[] { "incremental", "chunked" })
            {
                run.Model.reset_kv_cache();
                var ids = run.Golden.IdTensor("batch_ids");
                var pieces = new List<Tensor>();
                foreach (var chunk in run.Golden.Golden.GetProperty($"{how}.chunks").EnumerateArray())
                {
                    pieces.Add(run.Model.forward(ids.narrow(1, run.Model.current_pos, chunk.GetInt64()), use_cache: true));
                }

                Close.To(run.Golden.Tensor($"{how}.logits"), cat(pieces, dim: 1), $"{how}.logits");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void GreedyIds(string name)
    {
        using var run = new Run(name);
        foreach (var _ in run.EveryCache())
        {
            var greedy = run.Golden.Golden.GetProperty("greedy");
            Assert.Equal(HuggingFaceCase.Rows(greedy.GetProperty("sequences")), Greedy(run.Model, run.Golden.IdTensor("prompt_ids"), null, greedy.GetProperty("max_new_tokens").GetInt32()));

            var padded = run.Golden.Golden.GetProperty("greedy_batch_leftpad");
            Assert.Equal(
                HuggingFaceCase.Rows(padded.GetProperty("sequences")),
                Greedy(run.Model, run.Golden.IdTensor("leftpad_ids"), run.Golden.IdTensor("leftpad_mask"), padded.GetProperty("max_new_tokens").GetInt32()));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void NegativeLogLikelihoodPerRow(string name)
    {
        using var run = new Run(name);
        var ids = run.Golden.IdTensor("batch_ids");
        var expected = run.Golden.Golden.GetProperty("nll").EnumerateArray().Select(value => value.GetSingle()).ToArray();
        var actual = new float[expected.Length];
        for (var row = 0; row < expected.Length; row++)
        {
            var logits = run.Model.forward(ids.narrow(0, row, 1))[0].narrow(0, 0, ids.size(1) - 1);
            actual[row] = nn.functional.cross_entropy(logits, ids[row].narrow(0, 1, ids.size(1) - 1)).item<float>();
        }

        Close.To(expected, actual, "nll");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LogitsToKeepAreTheLastOnes(string name)
    {
        using var run = new Run(name);
        var ids = run.Golden.IdTensor("batch_ids");
        Close.To(run.Golden.Tensor("full.logits").narrow(1, 13, 3), run.Model.forward(ids, logits_to_keep: 3), "logits_to_keep: 3");
    }

    private static int[][] Greedy(GPTModel model, Tensor ids, Tensor? mask, int new_tokens)
    {
        model.reset_kv_cache();
        var piece = ids;
        for (var n = 0; n < new_tokens; n++)
        {
            var logits = model.forward(piece, use_cache: true, attention_mask: mask, logits_to_keep: 1);
            piece = logits.argmax(-1);
            ids = cat([ids, piece], dim: 1);
            mask = mask is null ? null : cat([mask, ones(piece.shape, dtype: ScalarType.Int64)], dim: 1);
        }

        return to_rows(ids);
    }

    private sealed class Run : IDisposable
    {
        private readonly DisposeScopeAndMode scope = new();

        public Run(string name)
        {
            Golden = HuggingFaceCase.Load(name);
            Model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", name));
        }

        public HuggingFaceCase Golden { get; }

        public GPTModel Model { get; }

        // Quantized with a tail that holds the fixtures' sequences; its int8 part has a bound of its own, not 1e-4
        public IEnumerable<Func<KvCache>> EveryCache()
        {
            foreach (var make in new Func<KvCache>[]
            {
                () => new ConcatKvCache(), () => new StaticKvCache(64), () => new StaticKvCache(64, initial_capacity: 2),
                () => new SlidingWindowKvCache(64), () => new QuantizedKvCache(64, residual_length: 48),
            })
            {
                Model.set_kv_cache(make);
                yield return make;
            }
        }

        public void Dispose()
        {
            Model.Dispose();
            scope.Dispose();
        }
    }

    private sealed class DisposeScopeAndMode : IDisposable
    {
        private readonly IDisposable scope = NewDisposeScope();
        private readonly IDisposable mode = inference_mode();

        public void Dispose()
        {
            mode.Dispose();
            scope.Dispose();
        }
    }
}
