using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;

namespace TorchKv.Cli.Models;

/// <summary>
/// Feeds one sequence to a runner without an engine. The sequence may use all of the runner's blocks.
/// </summary>
internal sealed class SequenceFeed
{
    // Logits of so many positions are computed at once: 25 MB for GPT-2's vocabulary
    private const int LogitRows = 128;

    private readonly IModelRunner _runner;
    private readonly int[] _blocks;
    private float[] _logits = [];

    public SequenceFeed(IModelRunner runner)
    {
        _runner = runner;
        _blocks = [.. Enumerable.Range(
            0, Math.Min(runner.BlockCount, BlockMath.BlocksFor(runner.Model.ContextLength, runner.BlockSize)))];
    }

    /// <summary>Tokens fed so far.</summary>
    public int Position { get; private set; }

    /// <summary>Bytes of the blocks that hold the tokens so far.</summary>
    public long Bytes => (long)BlockMath.BlocksFor(Position, _runner.BlockSize) * _runner.BytesPerBlock;

    /// <summary>Begins again at position 0.</summary>
    public void Reset() => Position = 0;

    /// <summary>Feeds tokens and gives the logits after the last of them, (vocabulary).</summary>
    public void Feed(ReadOnlyMemory<int> tokens, Span<float> logits, CancellationToken cancellationToken)
    {
        while (tokens.Length > _runner.MaxTokensPerStep)
        {
            Step(tokens[.._runner.MaxTokensPerStep], LogitsWanted.None, [], cancellationToken);
            tokens = tokens[_runner.MaxTokensPerStep..];
        }

        Step(tokens, LogitsWanted.Last, logits, cancellationToken);
    }

    /// <summary>
    /// Feeds tokens and gives the logits of all of them, piece by piece: the first token's position and (tokens,
    /// vocabulary).
    /// </summary>
    public void FeedAll(
        ReadOnlyMemory<int> tokens, Action<int, ReadOnlySpan<float>> receive, CancellationToken cancellationToken)
    {
        while (tokens.Length > 0)
        {
            var piece = tokens[..Math.Min(tokens.Length, Math.Min(LogitRows, _runner.MaxTokensPerStep))];
            var (position, wanted) = (Position, piece.Length * _runner.Model.VocabSize);
            if (_logits.Length < wanted)
            {
                _logits = new float[wanted];
            }

            Step(piece, LogitsWanted.All, _logits.AsSpan(0, wanted), cancellationToken);
            receive(position, _logits.AsSpan(0, wanted));
            tokens = tokens[piece.Length..];
        }
    }

    /// <summary>Keys and values of every layer, as they are after the tokens so far.</summary>
    public IEnumerable<CacheTensor> ExportCache()
    {
        var (heads, width) = (_runner.Model.HeadCount, _runner.Model.HeadDim);
        var reader = (IKvReader)_runner;
        for (var layer = 0; layer < _runner.Model.LayerCount; layer++)
        {
            var (keys, values) = (new float[Position * heads * width], new float[Position * heads * width]);
            reader.ReadKeysAndValues(layer, _blocks, Position, keys, values);
            yield return new CacheTensor($"cache_k.{layer}", [heads, Position, width], keys);
            yield return new CacheTensor($"cache_v.{layer}", [heads, Position, width], values);
        }
    }

    private void Step(
        ReadOnlyMemory<int> tokens, LogitsWanted wanted, Span<float> logits, CancellationToken cancellationToken)
    {
        _runner.Step([new RunnerRow(tokens, Position, _blocks, wanted)], logits, cancellationToken);
        Position += tokens.Length;
    }
}
