using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Tests.Text;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>What came up in random requests that were cut off.</summary>
internal sealed class ResumeCoverage
{
    private readonly object _gate = new();
    private int _requests;
    private int _failed;
    private int _resumedTwice;
    private int _constrained;
    private int _ends;
    private int _limits;
    private int _stopTexts;
    private int _stopIds;
    private int _cutCharacters;
    private int _cutStops;

    /// <summary>Counts a request that no token was left for.</summary>
    public void CountFailed()
    {
        lock (_gate)
        {
            _failed++;
        }
    }

    /// <summary>Counts a request by how it ended.</summary>
    public void Count(GenerationOptions options, List<GeneratedPiece> whole)
    {
        lock (_gate)
        {
            _requests++;
            _constrained += options.Constraint is null ? 0 : 1;
            _ends += whole[^1].Usage!.Value.EndTokens;
            _limits += whole[^1].FinishReason == FinishReason.Length ? 1 : 0;
            _stopTexts += whole[^1].StopReason?.Text is null ? 0 : 1;
            _stopIds += whole[^1].StopReason?.TokenId is null ? 0 : 1;
        }
    }

    /// <summary>Counts a request that was cut off twice, where both had tokens.</summary>
    public void CountTwice(bool isTwice)
    {
        lock (_gate)
        {
            _resumedTwice += isTwice ? 1 : 0;
        }
    }

    /// <summary>Counts where a cut is.</summary>
    public void CountCut(GenerationOptions options, List<GeneratedPiece> before)
    {
        var plain = new IncrementalDetokenizer(Tokenizers.Storyteller);
        var complete = before.SelectMany(piece => piece.TokenIds).Sum(id => plain.Append(id).Length);
        lock (_gate)
        {
            _cutCharacters += plain.Finish().Length > 0 ? 1 : 0;
            _cutStops += options.Stop.Count > 0 && before.Sum(piece => piece.Text.Length) < complete ? 1 : 0;
        }
    }

    public void AssertAll()
    {
        var counts = $"{_requests} requests, {_failed} failed, {_constrained} with a constraint, "
            + $"{_ends} ended by a token, {_limits} by the limit, {_stopTexts} by a stop text, "
            + $"{_stopIds} by a stop id, {_cutCharacters} cuts within a character, "
            + $"{_cutStops} within a stop text, {_resumedTwice} resumed twice";
        TestContext.Current.TestOutputHelper?.WriteLine(counts);
        int[] all =
            [_constrained, _ends, _limits, _stopTexts, _stopIds, _cutCharacters, _cutStops, _resumedTwice];
        Assert.True(_requests >= 40 && all.Min() > 0, counts);
    }
}
