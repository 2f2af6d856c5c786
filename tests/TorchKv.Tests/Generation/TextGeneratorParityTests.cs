using System.Text.Json;
using TorchKv.Caching;
using TorchKv.Generation;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Cpu;
using TorchKv.TestSupport;

namespace TorchKv.Tests.Generation;

/// <summary>HuggingFace's <c>generate</c>, recorded, against <see cref="TextGenerator"/>.</summary>
public class TextGeneratorParityTests
{
    public static IEnumerable<string> Cases { get; } =
        [.. Directory.GetDirectories(RepositoryFiles.Fixture("hf")).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    // int8 rounds, so its text may leave HuggingFace's where two tokens are almost equally likely: it has no place here.
    public static TheoryData<string, KvCacheKind?> CasesAndCaches { get; } = new(
        from name in Cases
        from cache in (KvCacheKind?[])[null, KvCacheKind.Concat, KvCacheKind.Static, KvCacheKind.SlidingWindow]
        select (name, cache));

    public static TheoryData<string> CaseNames { get; } = [.. Cases];

    [Theory]
    [MemberData(nameof(CasesAndCaches))]
    public async Task GreedyTokensAreHuggingFaces(string name, KvCacheKind? cache)
    {
        var golden = Golden(name);
        using var generator = Load(name, cache);
        var greedy = golden.GetProperty("greedy");
        var prompt = Ids(golden.GetProperty("prompt_ids")[0]);
        var rows = await Generated.Of(generator.GenerateAsync(prompt, new() { MaxNewTokens = greedy.GetProperty("max_new_tokens").GetInt32(), EosTokenIds = [] }));
        Assert.Equal(Ids(greedy.GetProperty("sequences")[0]), (int[])[.. prompt, .. rows[0].Ids]);
        Assert.Equal(FinishReason.Length, rows[0].FinishReason);
    }

    [Theory]
    [MemberData(nameof(CasesAndCaches))]
    public async Task GreedyTokensEndWhereHuggingFacesDo(string name, KvCacheKind? cache)
    {
        var golden = Golden(name);
        using var generator = Load(name, cache);
        var greedy = golden.GetProperty("greedy_eos");
        var prompt = Ids(golden.GetProperty("prompt_ids")[0]);
        var eos = greedy.GetProperty("eos_token_id").GetInt32();
        var rows = await Generated.Of(generator.GenerateAsync(prompt, new() { MaxNewTokens = greedy.GetProperty("max_new_tokens").GetInt32(), EosTokenIds = [eos] }));
        int[] expected = Ids(greedy.GetProperty("sequences")[0]);
        Assert.Equal(expected, (int[])[.. prompt, .. rows[0].Ids, eos]);
        Assert.Equal(FinishReason.Stop, rows[0].FinishReason);
        Assert.Equal(new Usage(prompt.Length, expected.Length - prompt.Length - 1), rows[0].Usage);
    }

    [Theory]
    [MemberData(nameof(CasesAndCaches))]
    public async Task RowsOfUnequalLengthAreHuggingFacesLeftPaddedOnes(string name, KvCacheKind? cache)
    {
        var golden = Golden(name);
        using var generator = Load(name, cache);
        var batch = golden.GetProperty("greedy_batch_leftpad");
        var padded = golden.GetProperty("leftpad_ids").EnumerateArray().Select(Ids).ToArray();
        var mask = golden.GetProperty("leftpad_mask").EnumerateArray().Select(Ids).ToArray();
        var prompts = padded.Zip(mask, (ids, seen) => ids.Where((_, i) => seen[i] == 1).ToArray()).ToArray();
        var rows = await Generated.Of(generator.GenerateAsync(prompts, new() { MaxNewTokens = batch.GetProperty("max_new_tokens").GetInt32(), EosTokenIds = [] }));
        for (var row = 0; row < prompts.Length; row++)
        {
            Assert.Equal(Ids(batch.GetProperty("sequences")[row]), (int[])[.. padded[row], .. rows[row].Ids]);
        }
    }

    [Theory]
    [MemberData(nameof(CaseNames))]
    public async Task ProcessorsChangeTheTokensAsHuggingFacesDo(string name)
    {
        var golden = Golden(name);
        using var generator = Load(name, KvCacheKind.Static);
        var prompt = Ids(golden.GetProperty("prompt_ids")[0]);
        foreach (var settings in golden.GetProperty("greedy_processors").EnumerateArray())
        {
            var options = new GenerationOptions
            {
                MaxNewTokens = settings.GetProperty("max_new_tokens").GetInt32(),
                EosTokenIds = [],
                RepetitionPenalty = settings.TryGetProperty("repetition_penalty", out var penalty) ? penalty.GetSingle() : null,
                NoRepeatNgramSize = settings.TryGetProperty("no_repeat_ngram_size", out var size) ? size.GetInt32() : null,
            };
            var rows = await Generated.Of(generator.GenerateAsync(prompt, options));
            Assert.Equal(Ids(settings.GetProperty("sequences")[0]), (int[])[.. prompt, .. rows[0].Ids]);
        }
    }

    [Theory]
    [MemberData(nameof(CasesAndCaches))]
    public async Task BeamsAndTheirScoresAreHuggingFaces(string name, KvCacheKind? cache)
    {
        var golden = Golden(name);
        using var generator = Load(name, cache);
        var prompt = Ids(golden.GetProperty("prompt_ids")[0]);
        foreach (var settings in golden.GetProperty("beam").EnumerateArray())
        {
            var options = new GenerationOptions
            {
                MaxNewTokens = settings.GetProperty("max_new_tokens").GetInt32(),
                EosTokenIds = [settings.GetProperty("eos_token_id").GetInt32()],
            };
            var beams = new BeamSearchOptions
            {
                NumBeams = settings.GetProperty("num_beams").GetInt32(),
                LengthPenalty = settings.TryGetProperty("length_penalty", out var penalty) ? penalty.GetSingle() : 1,
                EarlyStopping = settings.TryGetProperty("early_stopping", out var early) && early.GetBoolean() ? EarlyStopping.WhenFull : EarlyStopping.Heuristic,
                NumReturnSequences = settings.TryGetProperty("num_return_sequences", out var sequences) ? sequences.GetInt32() : 1,
            };
            var found = await generator.BeamSearchAsync(prompt, beams, options);
            var expected = settings.GetProperty("sequences").EnumerateArray().Select(Ids).ToList();
            Assert.Equal(expected.Count, found.Count);
            for (var i = 0; i < found.Count; i++)
            {
                // After an end-of-text come pad ids; the end-of-text id itself is not among ours.
                var ids = expected[i][prompt.Length..];
                var end = Array.IndexOf(ids, options.EosTokenIds[0]);
                Assert.Equal(end < 0 ? ids : ids[..end], found[i].TokenIds);
                Assert.Equal(settings.GetProperty("scores")[i].GetDouble(), found[i].Score, 1e-4);
            }
        }
    }

    [Fact]
    public async Task StorytellersTextIsHuggingFacesForEveryPrompt()
    {
        using var generator = TextGenerator.Load(RepositoryFiles.Weights("storyteller"));
        var golden = JsonDocument.Parse(File.ReadAllText(RepositoryFiles.Fixture("storyteller", "golden.json"))).RootElement;
        foreach (var prompt in golden.GetProperty("prompts").EnumerateArray())
        {
            var expected = Ids(prompt.GetProperty("greedy_ids"));
            var rows = await Generated.Of(generator.GenerateAsync(prompt.GetProperty("prompt").GetString()!, new() { MaxNewTokens = expected.Length, EosTokenIds = [] }));
            Assert.Equal(expected, rows[0].Ids);
            Assert.Equal(prompt.GetProperty("greedy_text").GetString(), rows[0].Text);
        }
    }

    internal static TextGenerator Load(string name, KvCacheKind? cache) =>
        TextGenerator.Load(RepositoryFiles.Fixture("hf", name), options: new TextGeneratorOptions { Cache = cache });

    internal static JsonElement Golden(string name) =>
        JsonDocument.Parse(File.ReadAllText(RepositoryFiles.Fixture("hf", name, "golden.json"))).RootElement;

    internal static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];
}
