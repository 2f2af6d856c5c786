using System.Text;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;
using TorchKv.Server.Contracts;

namespace TorchKv.Server.Answers;

/// <summary>Log-probabilities in the form of completions, as one answer's tokens come.</summary>
/// <remarks>Belongs to one answer; not thread-safe.</remarks>
internal sealed class CompletionScores(Gpt2Tokenizer tokenizer, TokenNames names, bool hasTop)
{
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private readonly char[] _scratch = new char[512];
    private readonly List<string> _tokens = [];
    private readonly List<float?> _logProbs = [];
    private readonly List<IReadOnlyDictionary<string, float>?> _top = [];
    private readonly List<int> _offsets = [];
    private int _length;

    /// <summary>Adds the prompt's tokens; nothing comes before the first, so it has no probability.</summary>
    public void AddPrompt(IReadOnlyList<int> ids, IReadOnlyList<ScoredToken> scores)
    {
        Add(ids[0], null);
        AddAll(scores);
    }

    public void AddAll(IEnumerable<ScoredToken> scores)
    {
        foreach (var score in scores)
        {
            Add(score.TokenId, score);
        }
    }

    /// <summary>What was added since the last time.</summary>
    public CompletionLogprobs Take()
    {
        var taken = new CompletionLogprobs
        {
            Tokens = [.. _tokens],
            TokenLogprobs = [.. _logProbs],
            TopLogprobs = hasTop ? [.. _top] : null,
            TextOffset = [.. _offsets],
        };
        _tokens.Clear();
        _logProbs.Clear();
        _top.Clear();
        _offsets.Clear();
        return taken;
    }

    private void Add(int id, ScoredToken? score)
    {
        _tokens.Add(names.OfCompletion(id));
        _logProbs.Add(score is null ? null : TokenNames.Finite(score.LogProbability));
        _top.Add(score is null ? null : Top(score));
        _offsets.Add(_length);
        for (var bytes = tokenizer.TokenBytes(id); !bytes.IsEmpty;)
        {
            _decoder.Convert(bytes, _scratch, flush: false, out var used, out var made, out _);
            _length += made;
            bytes = bytes[used..];
        }
    }

    private Dictionary<string, float> Top(ScoredToken score)
    {
        var top = new Dictionary<string, float>();
        foreach (var best in score.Best)
        {
            top.TryAdd(names.OfCompletion(best.Id), TokenNames.Finite(best.LogProbability));
        }

        top.TryAdd(names.OfCompletion(score.TokenId), TokenNames.Finite(score.LogProbability));
        return top;
    }
}
