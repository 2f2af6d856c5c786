using System.Globalization;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;

namespace TorchKv.TestSupport;

/// <summary>Cuts a stream off and lets another request continue it.</summary>
internal static class Resumption
{
    /// <summary>Reads pieces, and cancels the request after the most of them.</summary>
    public static async Task<List<GeneratedPiece>> ReadAsync(
        IAsyncEnumerable<GeneratedPiece> pieces, int most = int.MaxValue)
    {
        var read = new List<GeneratedPiece>();
        if (most == 0)
        {
            return read;
        }

        await foreach (var piece in pieces)
        {
            read.Add(piece);
            if (read.Count >= most)
            {
                break;
            }
        }

        return read;
    }

    /// <summary>Continues a request from the pieces that its reader has.</summary>
    public static Task<List<GeneratedPiece>> ResumeAsync(
        Engine engine,
        int[] prompt,
        GenerationOptions options,
        IReadOnlyList<GeneratedPiece> before,
        int most = int.MaxValue)
    {
        int[] ids = [.. before.SelectMany(piece => piece.TokenIds)];
        return ReadAsync(
            engine.GenerateAsync([.. prompt, .. ids], options with { GeneratedBefore = ids.Length }), most);
    }

    /// <summary>Every piece is the same; the tokens that a cache had are left out.</summary>
    /// <param name="expected">Of a request that was not cut off.</param>
    /// <param name="actual">Of the requests that continued each other.</param>
    /// <param name="tolerance">How far log-probabilities may be apart; 0: not a bit.</param>
    public static void AssertSame(
        IEnumerable<GeneratedPiece> expected, IEnumerable<GeneratedPiece> actual, double tolerance = 0)
    {
        Assert.Equal(
            expected.Select(piece => Describe(piece, tolerance == 0)),
            actual.Select(piece => Describe(piece, tolerance == 0)));
        Assert.All(Scores(expected).Zip(Scores(actual)), pair => Assert.InRange(
            Math.Abs(pair.First - pair.Second), 0, tolerance));
    }

    private static IEnumerable<double> Scores(IEnumerable<GeneratedPiece> pieces) => pieces.SelectMany(
        piece => piece.LogProbs.SelectMany(
            token => token.Best.Select(top => (double)top.LogProbability).Prepend(token.LogProbability)));

    private static string Describe(GeneratedPiece piece, bool exactly)
    {
        var scores = exactly
            ? piece.LogProbs.Select(token =>
                $"{token.TokenId}:{Bits(token.LogProbability)}"
                + string.Concat(token.Best.Select(top => $",{top.Id}:{Bits(top.LogProbability)}")))
            : [];
        return string.Join(
            '|',
            piece.Text,
            string.Join(',', piece.TokenIds),
            piece.LogProbs.Count,
            string.Join(' ', scores),
            piece.FinishReason,
            piece.StopReason,
            piece.Usage is { } usage ? usage with { CachedTokens = 0 } : null);
    }

    private static string Bits(float value) =>
        BitConverter.SingleToInt32Bits(value).ToString("x", CultureInfo.InvariantCulture);
}
