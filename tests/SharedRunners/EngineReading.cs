using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Serving;

namespace TorchKv.TestSupport;

/// <summary>Reads what an engine gives, and holds its pieces to what they promise.</summary>
internal static class EngineReading
{
    /// <summary>The new ids of each sample, from pieces that end each sample once and count its tokens.</summary>
    public static async Task<Dictionary<int, List<int>>> Ids(
        IAsyncEnumerable<GeneratedPiece> pieces, int samples = 1) =>
        (await All(pieces, samples)).ToDictionary(
            sample => sample.Key, sample => sample.Value.SelectMany(piece => piece.TokenIds).ToList());

    /// <summary>The pieces of each sample, which end once and count their tokens.</summary>
    public static async Task<Dictionary<int, List<GeneratedPiece>>> All(
        IAsyncEnumerable<GeneratedPiece> pieces, int samples = 1)
    {
        var read = Enumerable.Range(0, samples).ToDictionary(sample => sample, _ => new List<GeneratedPiece>());
        await foreach (var piece in pieces)
        {
            Assert.DoesNotContain(read[piece.Row], before => before.FinishReason is not null);
            read[piece.Row].Add(piece);
            if (piece.FinishReason is not null)
            {
                Assert.Equal(read[piece.Row].Sum(p => p.TokenIds.Count), piece.Usage!.Value.CompletionTokens);
            }
        }

        Assert.All(read.Values, sample => Assert.NotNull(sample[^1].FinishReason));
        return read;
    }

    /// <summary>After everything that was asked for, nothing runs or waits, and no block is held.</summary>
    public static async Task AllBlocksAreBack(Engine engine)
    {
        // A message is taken before cancelled requests are removed, so the second one comes after the first one's
        // removals
        await engine.SnapshotAsync();
        var snapshot = await engine.SnapshotAsync();
        Assert.Empty(snapshot.Sequences);
        Assert.DoesNotContain(snapshot.Blocks, use => use is BlockUse.Held or BlockUse.Shared);
    }
}
