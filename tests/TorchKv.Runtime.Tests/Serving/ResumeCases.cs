using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Tests.Text;
using TorchKv.Runtime.Text;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Serving;

/// <summary>
/// Random requests over an alphabet of single bytes, some of which are parts of characters, so that stop texts and
/// whole and broken characters come up often.
/// </summary>
internal sealed class ResumeCases
{
    private static readonly string[] s_stops = ["ab", "a b", "éa", "bab", "🦊", "a\uFFFD", "\uFFFDb", "cab c"];

    private readonly int _eos = Id((byte)'z');
    private readonly int _stop = Id((byte)'y');
    private int _count;

    /// <summary>The bytes of "abc é🦊" as ids.</summary>
    public int[] Letters { get; } = [.. Encoding.UTF8.GetBytes("abc é🦊").Distinct().Select(Id)];

    /// <summary>The id of a byte.</summary>
    public static int Id(byte value) =>
        Enumerable.Range(0, 256).Single(id => Tokenizers.Storyteller.TokenBytes(id).SequenceEqual([value]));

    /// <summary>The next request.</summary>
    public (int[] Prompt, GenerationOptions Options) Next(Random random)
    {
        int[] prompt = Some(random.Next(1, 30));
        var most = random.Next(1, 60);
        var sampled = random.Next(3) > 0;
        var options = new GenerationOptions
        {
            MaxNewTokens = most,
            Seed = (ulong)Interlocked.Increment(ref _count),
            Temperature = sampled ? 0.3f + (2 * random.NextSingle()) : null,
            TopK = sampled && random.Next(3) == 0 ? random.Next(2, 8) : null,
            TopP = sampled && random.Next(3) == 0 ? 0.5f + (random.NextSingle() / 2) : null,
            MinP = sampled && random.Next(3) == 0 ? random.NextSingle() / 4 : null,
            TypicalP = sampled && random.Next(3) == 0 ? 0.5f + (random.NextSingle() / 2) : null,
            RepetitionPenalty = random.Next(3) == 0 ? 0.7f + random.NextSingle() : null,
            FrequencyPenalty = random.Next(3) == 0 ? (random.NextSingle() * 4) - 2 : null,
            PresencePenalty = random.Next(3) == 0 ? (random.NextSingle() * 4) - 2 : null,
            NoRepeatNgramSize = random.Next(3) == 0 ? random.Next(2, 6) : null,
            LogProbs = random.Next(2) == 0 ? random.Next(4) : null,
            LogitBias = random.Next(3) == 0
                ? Some(3).Distinct().ToDictionary(id => id, _ => (random.NextSingle() * 8) - 4)
                : null,
            EosTokenIds = random.Next(3) == 0 ? [_eos] : [],
            Stop = random.Next(2) == 0 ? [.. random.GetItems(s_stops, random.Next(1, 4)).Distinct()] : [],
            IncludeStopText = random.Next(3) == 0,
            Priority = random.Next(2),
            Speculation = random.Next(3) switch
            {
                0 => null,
                1 => new SpeculationOptions { MinMatch = 1 },
                _ => new SpeculationOptions { Source = DraftSource.DraftModel },
            },
        };
        return (prompt, random.Next(3) == 0 ? Constrained() : Free());

        int[] Some(int count) => [.. Enumerable.Range(0, count).Select(_ => Letters[random.Next(Letters.Length)])];

        GenerationOptions Free() => options with
        {
            MinNewTokens = random.Next(2) == 0 ? random.Next(most) : 0,
            StopTokenIds = random.Next(3) == 0 ? [_stop] : [],
            BadWordsIds = random.Next(2) == 0 ? [Some(1), Some(2), Some(3)] : [],
            AllowedTokenIds = [.. Letters, _eos, _stop],
        };

        GenerationOptions Constrained() => options with
        {
            EosTokenIds = [_eos],
            Constraint = new TokenTrieConstraint([.. Enumerable.Range(0, 6).Select(_ => Some(random.Next(1, 50)))])
            {
                WritesForcedTokens = random.Next(2) == 0,
            },
        };
    }

    /// <summary>
    /// A stream without what said that it had ended, and what says so to a reader who has the tokens and the text that
    /// each brought by itself.
    /// </summary>
    public static (List<GeneratedPiece> Unfinished, GeneratedPiece End) WithoutEnd(
        List<GeneratedPiece> whole, GenerationOptions options)
    {
        var detokenizer = new IncrementalDetokenizer(
            Tokenizers.Storyteller,
            options.Stop,
            includeStop: options.IncludeStopText,
            minTokens: options.MinNewTokens);
        var shown = whole.SelectMany(piece => piece.TokenIds).Sum(id => detokenizer.Append(id).Length);
        var text = string.Concat(whole.Select(piece => piece.Text));
        var last = whole[^1];
        return (
            [.. whole[..^1], last with { FinishReason = null }],
            last with { TokenIds = [], LogProbs = [], Text = text[shown..] });
    }
}
