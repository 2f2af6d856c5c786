using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;

namespace TorchKv.Benchmarks.Serving;

/// <summary>
/// A trained model's text at a larger model's cost: each step runs on both, and the trained one's logits count. So
/// guesses hold as often as they do in real text, and a step takes what it takes on the larger model (and a little
/// more).
/// </summary>
internal sealed class RunnerAtCost : IModelRunner
{
    private readonly IModelRunner _text;
    private readonly IModelRunner _cost;
    private float[] _logits = [];

    public RunnerAtCost(IModelRunner text, IModelRunner cost)
    {
        _text = text;
        _cost = cost;
    }

    public ModelShape Model => _text.Model;

    public int BlockSize => _text.BlockSize;

    public int BlockCount => Math.Min(_text.BlockCount, _cost.BlockCount);

    public int BytesPerBlock => _text.BytesPerBlock + _cost.BytesPerBlock;

    public int MaxTokensPerStep => Math.Min(_text.MaxTokensPerStep, _cost.MaxTokensPerStep);

    /// <summary>Whether a model's steps can be run on a larger one as they are.</summary>
    public static bool Fits(Gpt2Config text, Gpt2Config cost) =>
        text.VocabSize <= cost.VocabSize && text.ContextLength <= cost.ContextLength;

    public void Step(ReadOnlySpan<RunnerRow> rows, Span<float> logits, CancellationToken cancellationToken = default)
    {
        var wanted = 0;
        foreach (var row in rows)
        {
            wanted += row.Logits switch { LogitsWanted.All => row.Tokens.Length, LogitsWanted.Last => 1, _ => 0 };
        }

        if (_logits.Length < wanted * _cost.Model.VocabSize)
        {
            _logits = new float[wanted * _cost.Model.VocabSize];
        }

        _cost.Step(rows, _logits, cancellationToken);
        _text.Step(rows, logits, cancellationToken);
    }

    public void CopyBlock(int source, int destination)
    {
        _cost.CopyBlock(source, destination);
        _text.CopyBlock(source, destination);
    }

    public void ReadBlock(int block, Span<byte> destination)
    {
        _text.ReadBlock(block, destination[.._text.BytesPerBlock]);
        _cost.ReadBlock(block, destination[_text.BytesPerBlock..]);
    }

    public void WriteBlock(int block, ReadOnlySpan<byte> source)
    {
        _text.WriteBlock(block, source[.._text.BytesPerBlock]);
        _cost.WriteBlock(block, source[_text.BytesPerBlock..]);
    }

    public void Dispose()
    {
        _text.Dispose();
        _cost.Dispose();
    }
}
