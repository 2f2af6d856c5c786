using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;

namespace TorchKv.Benchmarks.Serving;

/// <summary>
/// A runner whose model says what a text says: each step is run in full, then the text's own next token gets the
/// highest logit. So guesses are tried on what people write (songs, things told twice, stories), at the model's cost.
/// </summary>
/// <remarks>
/// A sequence is known by its first block, which it begins to fill with its prompt: no prefix caching, one sample.
/// </remarks>
internal sealed class GivenTextRunner : IModelRunner
{
    private readonly IModelRunner _inner;
    private readonly Dictionary<int, int[]> _textByFirstBlock = [];

    public GivenTextRunner(IModelRunner inner) => _inner = inner;

    /// <summary>
    /// The texts that may be asked for; a prompt is the beginning of one. None: the model says what it likes.
    /// </summary>
    public IReadOnlyList<int[]> Texts { get; set; } = [];

    public ModelShape Model => _inner.Model;

    public int BlockSize => _inner.BlockSize;

    public int BlockCount => _inner.BlockCount;

    public int BytesPerBlock => _inner.BytesPerBlock;

    public int MaxTokensPerStep => _inner.MaxTokensPerStep;

    public void Step(ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default)
    {
        _inner.Step(rows, logits, cancellationToken);
        var at = 0;
        foreach (var row in rows)
        {
            var first = row.BlockTable.Span[0];
            if (row.Position == 0)
            {
                _textByFirstBlock.Remove(first);
                foreach (var text in Texts)
                {
                    if (text.AsSpan().StartsWith(row.Tokens.Span))
                    {
                        _textByFirstBlock[first] = text;
                    }
                }
            }

            for (var i = 0; i < row.Tokens.Length; i++)
            {
                if (row.Logits == LogitsWanted.None || (row.Logits == LogitsWanted.Last && i < row.Tokens.Length - 1))
                {
                    continue;
                }

                if (_textByFirstBlock.TryGetValue(first, out var text) && row.Position + i + 1 < text.Length)
                {
                    logits[at + text[row.Position + i + 1]] += 1000;
                }

                at += Model.VocabSize;
            }
        }
    }

    public void CopyBlock(int source, int destination) => _inner.CopyBlock(source, destination);

    public void ReadBlock(int block, Span<byte> destination) => _inner.ReadBlock(block, destination);

    public void WriteBlock(int block, ReadOnlySpan<byte> source) => _inner.WriteBlock(block, source);

    public void Dispose() => _inner.Dispose();
}
