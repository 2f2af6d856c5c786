using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Sampling;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Models;

/// <summary>
/// The state of one prompt in the port's loop: it chooses tokens, collects the text and knows when the text ends.
/// </summary>
internal sealed class PortRow
{
    private readonly int _budget;
    private readonly GenerationOptions _options;
    private readonly Sampler _sampler;
    private readonly ulong _seed;
    private readonly IncrementalDetokenizer? _detokenizer;
    private readonly int[] _text;
    private readonly int _promptTokens;
    private int _newTokens;

    /// <param name="prompt">The prompt's ids.</param>
    /// <param name="options">Checked options, with end-of-text ids.</param>
    /// <param name="sampler">Shared by the rows: what it draws depends on seed and step alone.</param>
    /// <param name="seed">The sampler's seed for this row.</param>
    /// <param name="tokenizer">Null: pieces have no text.</param>
    /// <param name="contextLength">The most tokens of a sequence.</param>
    public PortRow(
        int[] prompt,
        GenerationOptions options,
        Sampler sampler,
        ulong seed,
        Gpt2Tokenizer? tokenizer,
        int contextLength)
    {
        (_options, _sampler, _seed, _promptTokens) = (options, sampler, seed, prompt.Length);

        // The budget counts tokens; the context's end is the other limit
        _budget = Math.Min(options.MaxNewTokens, contextLength - prompt.Length);
        _text = [.. prompt, .. new int[_budget]];
        _detokenizer = tokenizer is null ? null : new IncrementalDetokenizer(tokenizer, options.Stop);
        End = _budget == 0 ? FinishReason.Length : null;
    }

    /// <summary>Whether the text has ended.</summary>
    public FinishReason? End { get; private set; }

    /// <summary>
    /// Chooses the next token from the logits after the last token, and gives the text that it adds. The logits are
    /// overwritten.
    /// </summary>
    public GeneratedPiece Choose(Span<float> logits, out int token)
    {
        token = _sampler.Sample(logits, _text.AsSpan(0, _promptTokens + _newTokens), _options, _seed, _newTokens);
        if (_options.EosTokenIds!.Contains(token))
        {
            End = FinishReason.Stop;
            return Last("");
        }

        _text[_promptTokens + _newTokens++] = token;
        var text = _detokenizer?.Append(token) ?? "";
        End = _detokenizer is { IsStopped: true }
            ? FinishReason.Stop
            : _newTokens == _budget ? FinishReason.Length : null;
        return End is null ? new GeneratedPiece { Text = text, TokenIds = [token] } : Last(text, token);
    }

    /// <summary>
    /// Gives the last piece: text that was held back because a stop text might begin in it, why the text ended, and the
    /// usage.
    /// </summary>
    public GeneratedPiece Last(string text, params int[] tokens) => new()
    {
        Text = text + _detokenizer?.Finish(),
        TokenIds = tokens,
        FinishReason = End,
        Usage = new Usage(_promptTokens, _newTokens),
    };
}
