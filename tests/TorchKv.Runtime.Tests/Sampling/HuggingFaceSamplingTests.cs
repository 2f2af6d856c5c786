using System.Globalization;
using System.Text.Json;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Sampling;

/// <summary>Processors, greedy decoding and beam search against HuggingFace's outputs.</summary>
public class HuggingFaceSamplingTests
{
    public static TheoryData<string> Cases => [.. HuggingFaceCase.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public void ProcessorsAndWarpersAreHuggingFaces(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        var input = golden.Tensors["warp.input"];
        var processors = new LogitsProcessors(input.Shape[1]);
        var warpers = new LogitsWarpers(input.Shape[1]);
        var warps = golden.Tensors.Keys.Where(key => key.StartsWith("warp.", StringComparison.Ordinal) && key != "warp.input").ToArray();
        Assert.Equal(9, warps.Length);
        foreach (var warp in warps)
        {
            var options = Options(warp["warp.".Length..].Split(',').Select(part => part.Split('=')).Select(pair => (pair[0], pair[1])));
            for (var row = 0; row < input.Shape[0]; row++)
            {
                int[] history = golden.Ids("batch_ids")[row];
                if (options.NoRepeatNgramSize is not null)
                {
                    history = [.. history, .. history[..3]];
                }

                var logits = input.Row(row).ToArray();
                processors.Process(logits, history, options);
                if (!options.IsGreedy)
                {
                    warpers.Warp(logits, options);
                }

                // Every operation on what is kept is one correctly rounded division or product: the same bits.
                Assert.Equal(golden.Tensors[warp].Row(row), logits);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void GreedyDecodingIsHuggingFaces(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        var model = ReferenceGpt2.Load(golden.Folder);
        var prompt = golden.Ids("prompt_ids")[0];
        foreach (var setting in golden.Golden.GetProperty("greedy_processors").EnumerateArray().Append(golden.Golden.GetProperty("greedy")).Append(golden.Golden.GetProperty("greedy_eos")))
        {
            var expected = HuggingFaceCase.Rows(setting.GetProperty("sequences"))[0];
            var eos = setting.TryGetProperty("eos_token_id", out var id) ? id.GetInt32() : -1;
            Assert.Equal(expected, Greedy(model, prompt, setting.GetProperty("max_new_tokens").GetInt32(), eos, Options(setting)));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LeftPaddedRowsDecodeGreedilyAsTheRowsAlone(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        var model = ReferenceGpt2.Load(golden.Folder);
        var setting = golden.Golden.GetProperty("greedy_batch_leftpad");
        var expected = HuggingFaceCase.Rows(setting.GetProperty("sequences"));
        var masks = golden.Ids("leftpad_mask");
        for (var row = 0; row < expected.Length; row++)
        {
            var pads = masks[row].Count(seen => seen == 0);
            var prompt = golden.Ids("leftpad_ids")[row][pads..];
            Assert.Equal(expected[row][pads..], Greedy(model, prompt, setting.GetProperty("max_new_tokens").GetInt32(), -1, new GenerationOptions()));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void BeamSearchGivesHuggingFacesSequencesAndScores(string name)
    {
        var golden = HuggingFaceCase.Load(name);
        var model = ReferenceGpt2.Load(golden.Folder);
        var prompt = golden.Ids("prompt_ids")[0];
        var settings = golden.Golden.GetProperty("beam").EnumerateArray().ToArray();
        Assert.Equal(3, settings.Length);
        foreach (var setting in settings)
        {
            var eos = setting.GetProperty("eos_token_id").GetInt32();
            var search = new BeamSearch(prompt, model.VocabSize, BeamOptions(setting), [eos], setting.GetProperty("max_new_tokens").GetInt32());
            var hypotheses = Run(search, model);
            var expected = HuggingFaceCase.Rows(setting.GetProperty("sequences"));
            var scores = setting.GetProperty("scores").EnumerateArray().Select(score => score.GetSingle()).ToArray();
            Assert.Equal(expected.Length, hypotheses.Count);
            for (var i = 0; i < expected.Length; i++)
            {
                // The reference pads after the end-of-text id.
                int[] generated = [.. prompt, .. hypotheses[i].TokenIds, .. hypotheses[i].EosTokenId is { } end ? [end] : Array.Empty<int>()];
                Assert.Equal(expected[i][..generated.Length], generated);
                Assert.True(hypotheses[i].FinishReason == FinishReason.Stop || generated.Length == expected[i].Length);
                Assert.InRange(hypotheses[i].Score, scores[i] - 1e-4f, scores[i] + 1e-4f);
            }
        }
    }

    /// <summary>Runs a search as a caller does, reordering what stands for its cache by the beam indices.</summary>
    internal static IReadOnlyList<BeamHypothesis> Run(BeamSearch search, ReferenceGpt2 model)
    {
        int[] prompt = [.. search.Tokens(0)];
        search.Advance(model.NextLogits(prompt));
        var rows = Enumerable.Repeat(prompt, search.NumBeams).ToArray();
        while (!search.IsDone)
        {
            rows = [.. search.BeamIndices.ToArray().Zip(search.NextTokens.ToArray(), (beam, token) => rows[beam].Append(token).ToArray())];
            for (var beam = 0; beam < rows.Length; beam++)
            {
                Assert.Equal(rows[beam], search.Tokens(beam));
            }

            search.Advance(rows.SelectMany(row => model.NextLogits(row)).ToArray());
        }

        return search.Finish();
    }

    private static int[] Greedy(ReferenceGpt2 model, int[] prompt, int maxNewTokens, int eos, GenerationOptions options)
    {
        var sampler = new Sampler(model.VocabSize);
        var ids = prompt.ToList();
        while (ids.Count < prompt.Length + maxNewTokens && (ids.Count == prompt.Length || ids[^1] != eos))
        {
            ids.Add(sampler.Sample(model.NextLogits(ids), [.. ids], options, seed: 0, ids.Count - prompt.Length));
        }

        return [.. ids];
    }

    private static BeamSearchOptions BeamOptions(JsonElement setting) => new()
    {
        NumBeams = setting.GetProperty("num_beams").GetInt32(),
        LengthPenalty = setting.TryGetProperty("length_penalty", out var penalty) ? penalty.GetSingle() : 1,
        EarlyStopping = setting.TryGetProperty("early_stopping", out var early) && early.GetBoolean() ? EarlyStopping.WhenFull : EarlyStopping.Heuristic,
        NumReturnSequences = setting.TryGetProperty("num_return_sequences", out var count) ? count.GetInt32() : 1,
    };

    private static GenerationOptions Options(JsonElement setting)
        => Options(setting.EnumerateObject().Where(p => p.Name is "repetition_penalty" or "no_repeat_ngram_size").Select(p => (p.Name, p.Value.GetRawText())));

    private static GenerationOptions Options(IEnumerable<(string Name, string Value)> settings)
    {
        var options = new GenerationOptions();
        foreach (var (name, value) in settings)
        {
            var number = float.Parse(value, CultureInfo.InvariantCulture);
            options = name switch
            {
                "temperature" => options with { Temperature = number },
                "top_k" => options with { TopK = (int)number },
                "top_p" => options with { TopP = number },
                "min_p" => options with { MinP = number },
                "typical_p" => options with { TypicalP = number },
                "repetition_penalty" => options with { RepetitionPenalty = number },
                "no_repeat_ngram_size" => options with { NoRepeatNgramSize = (int)number },
                _ => throw new ArgumentException(name),
            };
        }

        options.Validate();
        return options;
    }
}
