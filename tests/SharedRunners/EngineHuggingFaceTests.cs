using System.Text.Json;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving;

namespace TorchKv.TestSupport;

/// <summary>HuggingFace's recorded outputs, through the engine over any runner.</summary>
public abstract class EngineHuggingFaceTests
{
    private const int Blocks = 64;

    public static TheoryData<string> Cases => [.. HuggingFaceCase.Names];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task EveryRecordedGenerationAtOnceGivesHuggingFacesIds(string name)
    {
        var reference = HuggingFaceCase.Load(name);
        var scheduling = new SchedulingOptions
        {
            MaxTokensPerStep = 24,
            PrefillTokensBesideDecodes = 3,
            MaxLogitsPerStep = 24,
        };
        await using var engine = await LoadAsync(
            reference.Folder, new EngineOptions { Scheduling = scheduling }, Blocks);
        var prompt = reference.Ids("prompt_ids")[0];
        var running = new List<Task>();
        var greedy = reference.Golden.GetProperty("greedy");
        running.Add(Expect(engine, prompt, Options(greedy) with { EosTokenIds = [] }, Row(greedy, 0)));
        var eos = reference.Golden.GetProperty("greedy_eos");
        running.Add(Expect(engine, prompt, Options(eos), Row(eos, 0)));
        foreach (var processors in reference.Golden.GetProperty("greedy_processors").EnumerateArray())
        {
            running.Add(Expect(engine, prompt, Options(processors), Row(processors, 0)));
        }

        var batch = reference.Golden.GetProperty("greedy_batch_leftpad");
        var padded = reference.Ids("leftpad_ids");
        var mask = reference.Ids("leftpad_mask");
        for (var row = 0; row < padded.Length; row++)
        {
            var pads = mask[row].Count(m => m == 0);
            running.Add(
                Expect(engine, padded[row][pads..], Options(batch) with { EosTokenIds = [] }, Row(batch, row)[pads..]));
        }

        await Task.WhenAll(running);
        await EngineReading.AllBlocksAreBack(engine);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task BeamsOverSharedBlocksGiveHuggingFacesSequencesAndScores(string name)
    {
        var reference = HuggingFaceCase.Load(name);
        await using var engine = await LoadAsync(reference.Folder, new EngineOptions(), Blocks);
        var prompt = reference.Ids("prompt_ids")[0];
        await Task.WhenAll(reference.Golden.GetProperty("beam").EnumerateArray().Select(async beam =>
        {
            var options = Options(beam) with
            {
                Beams = new BeamSearchOptions
                {
                    NumBeams = beam.GetProperty("num_beams").GetInt32(),
                    LengthPenalty = beam.TryGetProperty("length_penalty", out var penalty) ? penalty.GetSingle() : 1,
                    NumReturnSequences = beam.TryGetProperty("num_return_sequences", out var returned)
                        ? returned.GetInt32()
                        : 1,
                    EarlyStopping = beam.TryGetProperty(
                        "early_stopping", out var early) && early.ValueKind == JsonValueKind.True
                        ? EarlyStopping.WhenFull
                        : EarlyStopping.Heuristic,
                },
            };
            var found = new List<GeneratedPiece>();
            await foreach (var piece in engine.GenerateAsync(prompt, options))
            {
                found.Add(piece);
            }

            var scores = beam.GetProperty("scores").EnumerateArray().Select(s => s.GetSingle()).ToArray();
            Assert.Equal(scores.Length, found.Count);
            for (var i = 0; i < scores.Length; i++)
            {
                Assert.Equal(i, found[i].Row);
                Assert.Equal(New(Row(beam, i)[prompt.Length..], options.EosTokenIds!), found[i].TokenIds);
                Assert.Equal(scores[i], found[i].Score!.Value, 1e-4f);
            }
        }));
        await EngineReading.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task PromptLogProbabilitiesAreHuggingFacesLoss()
    {
        var reference = HuggingFaceCase.Load("gelu-new");
        var scheduling = new SchedulingOptions { MaxLogitsPerStep = 5 };
        await using var engine = await LoadAsync(
            reference.Folder, new EngineOptions { Scheduling = scheduling }, Blocks);
        var losses = reference.Golden.GetProperty("nll").EnumerateArray().Select(n => n.GetDouble()).ToArray();
        var rows = reference.Ids("batch_ids");
        for (var row = 0; row < rows.Length; row++)
        {
            var pieces = new List<GeneratedPiece>();
            var options = new GenerationOptions { MaxNewTokens = row, PromptLogProbs = true, LogProbs = 3 };
            await foreach (var piece in engine.GenerateAsync(rows[row], options))
            {
                pieces.Add(piece);
            }

            var scores = pieces[0].PromptLogProbs!;
            Assert.Equal(rows[row][1..], scores.Select(s => s.TokenId));
            Assert.Equal(losses[row], -scores.Average(s => s.LogProbability), 1e-4);
            Assert.All(scores, s => Assert.True(s.Best[0].LogProbability >= s.LogProbability));
            Assert.All(scores, s => Assert.Equal(3, s.Best.Count));
            Assert.Equal(row, pieces[^1].Usage!.Value.CompletionTokens);
            Assert.All(pieces.SelectMany(p => p.LogProbs), s => Assert.Equal(s.Best[0].Id, s.TokenId));
        }
    }

    [Fact]
    public async Task TheDefaultModelTellsHuggingFacesStoriesAllAtOnce()
    {
        await using var engine = await LoadAsync(Storyteller.Folder, new EngineOptions(), blocks: 0);
        await Task.WhenAll(Storyteller.Golden.GetProperty("prompts").EnumerateArray().Select(async prompt =>
        {
            var expected = prompt.GetProperty("greedy_ids").EnumerateArray().Select(id => id.GetInt32()).ToArray();
            var told = "";
            var ids = new List<int>();
            var text = prompt.GetProperty("prompt").GetString()!;
            await foreach (var piece in engine.GenerateAsync(text, new() { MaxNewTokens = expected.Length }))
            {
                told += piece.Text;
                ids.AddRange(piece.TokenIds);
            }

            Assert.Equal(New(expected, engine.Model.EosTokenIds), ids);
            Assert.Equal(engine.Tokenizer!.Decode(ids), told);
            Assert.StartsWith(told, prompt.GetProperty("greedy_text").GetString());
        }));
    }

    /// <summary>An engine over the runner; 0 blocks: as many as the runner chooses.</summary>
    protected abstract Task<Engine> LoadAsync(string folder, EngineOptions options, int blocks);

    private static async Task Expect(Engine engine, int[] prompt, GenerationOptions options, int[] sequence)
    {
        var pieces = (await EngineReading.All(engine.GenerateAsync(prompt, options)))[0];
        int[] recorded = sequence[prompt.Length..];
        int[] expected = [.. New(recorded, options.EosTokenIds!)];
        Assert.Equal(expected, pieces.SelectMany(piece => piece.TokenIds));
        Assert.Equal(
            expected.Length < recorded.Length ? FinishReason.Stop : FinishReason.Length, pieces[^1].FinishReason);
        Assert.Equal(
            (prompt.Length, expected.Length),
            (pieces[^1].Usage!.Value.PromptTokens, pieces[^1].Usage!.Value.CompletionTokens));
    }

    private static int[] Row(JsonElement element, int row) =>
        HuggingFaceCase.Rows(element.GetProperty("sequences"))[row];

    /// <summary>The new ids without the end-of-text id and the pads after it.</summary>
    private static IEnumerable<int> New(int[] ids, IReadOnlyList<int> eos) => ids.TakeWhile(id => !eos.Contains(id));

    private static GenerationOptions Options(JsonElement element) => new()
    {
        MaxNewTokens = element.GetProperty("max_new_tokens").GetInt32(),
        EosTokenIds = element.TryGetProperty("eos_token_id", out var eos) && eos.ValueKind == JsonValueKind.Number
            ? [eos.GetInt32()]
            : [],
        RepetitionPenalty = element.TryGetProperty("repetition_penalty", out var penalty) ? penalty.GetSingle() : null,
        NoRepeatNgramSize = element.TryGetProperty("no_repeat_ngram_size", out var size) ? size.GetInt32() : null,
    };
}
