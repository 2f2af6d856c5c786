using System.Runtime.InteropServices;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Text;

namespace TorchKv.Generation;

/// <summary>One row on its way: its own sampler, text, budget and end.</summary>
internal sealed class RowState
{
    private readonly int _row;
    private readonly List<int> _ids;
    private readonly int _promptTokens;
    private readonly int _budget;
    private readonly IReadOnlyList<int> _eos;
    private readonly GenerationOptions _options;
    private readonly Sampler _sampler;
    private readonly ulong _seed;
    private readonly IncrementalDetokenizer? _detokenizer;
    private int _completionTokens;

    /// <param name="row">The row's number in the request.</param>
    /// <param name="ids">The prompt; grows as the batch appends to it.</param>
    /// <param name="options">Resolved: its end-of-text ids are not null.</param>
    /// <param name="sampler">Shared by the rows: what it draws depends on seed and step alone.</param>
    /// <param name="seed">The row's.</param>
    /// <param name="tokenizer">Null: pieces have no text.</param>
    /// <param name="context">The most tokens of a sequence.</param>
    public RowState(int row, List<int> ids, GenerationOptions options, Sampler sampler, ulong seed, Gpt2Tokenizer? tokenizer, int context)
    {
        (_row, _ids, _promptTokens) = (row, ids, ids.Count);
        (_options, _sampler, _seed) = (options, sampler, seed);
        _eos = options.EosTokenIds ?? [];
        // The budget counts tokens, not positions; the context's end is the other limit.
        _budget = Math.Min(options.MaxNewTokens, context - _promptTokens);
        _detokenizer = tokenizer is null ? null : new IncrementalDetokenizer(tokenizer, options.Stop);
        FinishReason = _budget == 0 ? Runtime.Contracts.FinishReason.Length : null;
    }

    /// <summary>Set once nothing more comes.</summary>
    public FinishReason? FinishReason { get; private set; }

    /// <summary>The next token, from the logits after the row's last one. The logits are used up.</summary>
    public int Choose(Span<float> logits) => _sampler.Sample(logits, CollectionsMarshal.AsSpan(_ids), _options, _seed, _completionTokens);

    /// <summary>What a token that was chosen adds.</summary>
    public GeneratedPiece Take(int token)
    {
        if (_eos.Contains(token))
        {
            FinishReason = Runtime.Contracts.FinishReason.Stop;
            return Last();
        }

        _completionTokens++;
        var text = _detokenizer?.Append(token) ?? "";
        if (_detokenizer is { IsStopped: true })
        {
            FinishReason = Runtime.Contracts.FinishReason.Stop;
        }
        else if (_completionTokens == _budget)
        {
            FinishReason = Runtime.Contracts.FinishReason.Length;
        }

        return FinishReason is null
            ? new GeneratedPiece { Row = _row, Text = text, TokenIds = [token] }
            : Last(text, token);
    }

    /// <summary>The row's last piece: what text was held back, why it ended, and what it cost.</summary>
    public GeneratedPiece Last() => Last("");

    private GeneratedPiece Last(string text, params int[] tokens) => new()
    {
        Row = _row,
        Text = text + _detokenizer?.Finish(),
        TokenIds = tokens,
        FinishReason = FinishReason,
        Usage = new Usage(_promptTokens, _completionTokens),
    };
}
