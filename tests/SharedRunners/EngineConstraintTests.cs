using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Serving;

namespace TorchKv.TestSupport;

/// <summary>Constraints through the engine over any real runner.</summary>
public abstract class EngineConstraintTests
{
    private const string Prompt = "Once upon a time";

    // They share beginnings, and one is the beginning of another.
    private static readonly string[] s_texts =
    [
        ", there was a little girl named Lily.", ", there was a little girl", ", there was a big dog. He was sad.",
        ", a cat sat on a red mat, and the cat was happy.", " in a big house", ".",
    ];

    [Fact]
    public async Task SamplesAndBeamsKeepToTheirConstraint()
    {
        await using var engine = await LoadAsync(Storyteller.Folder, new EngineOptions(), 64);
        var constraint = new TokenTrieConstraint([.. s_texts.Select(text => engine.Tokenizer!.Encode(text).ToArray())]);
        var options = new GenerationOptions { Constraint = constraint, MaxNewTokens = 30 };
        var found = new HashSet<string>();
        for (var seed = 0ul; seed < 4; seed++)
        {
            var sampled = options with { Temperature = 3, Samples = 4, Seed = seed };
            foreach (var sample in (await EngineReading.All(engine.GenerateAsync(Prompt, sampled), 4)).Values)
            {
                found.Add(Whole(sample));
            }
        }

        Assert.True(found.Count > 2, string.Join("; ", found));
        var beams = options with { Beams = new BeamSearchOptions { NumBeams = 3, NumReturnSequences = 3 } };
        var best = await EngineReading.All(engine.GenerateAsync(Prompt, beams), 3);
        Assert.Equal(3, best.Values.Select(Whole).Distinct().Count());
        await EngineReading.AllBlocksAreBack(engine);
    }

    [Fact]
    public async Task DraftsOfAConstraintSaveStepsAndChangeNoToken()
    {
        await using var engine = await LoadAsync(Storyteller.Folder, new EngineOptions(), 64);
        int[][] sequences = [.. s_texts.Select(text => engine.Tokenizer!.Encode(text).ToArray())];
        var plain = new GenerationOptions
        {
            Constraint = new TokenTrieConstraint(sequences) { WritesForcedTokens = false },
            MaxNewTokens = 30,
            Temperature = 3,
            Seed = 1,
            Samples = 6,
        };
        var forced = plain with { Constraint = new TokenTrieConstraint(sequences) };
        var expected = await EngineReading.Ids(engine.GenerateAsync(Prompt, plain), 6);
        Assert.Equal(0, engine.Stats.DraftedTokens);
        Assert.Equal(expected, await EngineReading.Ids(engine.GenerateAsync(Prompt, forced), 6));
        await engine.SnapshotAsync();
        Assert.True(engine.Stats.AcceptedDraftTokens > 0);
        var lookup = plain with { Speculation = new SpeculationOptions { MinMatch = 1 } };
        Assert.Equal(expected, await EngineReading.Ids(engine.GenerateAsync(Prompt, lookup), 6));
    }

    /// <summary>An engine over the runner.</summary>
    protected abstract Task<Engine> LoadAsync(string folder, EngineOptions options, int blocks);

    private static string Whole(List<GeneratedPiece> pieces)
    {
        var text = string.Concat(pieces.Select(piece => piece.Text));
        Assert.Contains(text, s_texts);
        Assert.Equal(FinishReason.Stop, pieces[^1].FinishReason);
        return text;
    }
}
