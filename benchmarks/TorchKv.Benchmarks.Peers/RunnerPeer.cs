using TorchKv.Runtime.Model;

namespace TorchKv.Benchmarks.Peers;

/// <summary>One of our runners behind the peers' face: sequence i owns the i-th stretch of blocks.</summary>
internal sealed class RunnerPeer : IPeer
{
    private readonly IModelRunner _runner;
    private readonly int[][] _tables;
    private readonly int[] _tokens;
    private readonly RunnerRow[] _rows;
    private readonly long _weightBytes;
    private float[] _logits;

    public RunnerPeer(IModelRunner runner, int sequences, long weightBytesPerStep)
    {
        _weightBytes = weightBytesPerStep;
        _runner = runner;
        var blocks = runner.BlockCount / sequences;
        _tables = [.. Enumerable.Range(0, sequences).Select(s => Enumerable.Range(s * blocks, blocks).ToArray())];
        _tokens = new int[Math.Max(runner.Model.ContextLength, sequences)];
        _rows = new RunnerRow[sequences];
        _logits = new float[sequences * runner.Model.VocabSize];
    }

    /// <inheritdoc/>
    public double BytesPerStep(int position) =>
        _weightBytes + ((double)_runner.BytesPerBlock / _runner.BlockSize * position);

    /// <inheritdoc/>
    public void Reset()
    {
    }

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<int> tokens, int position) => Run(tokens, position, LogitsWanted.Last, 1);

    /// <inheritdoc/>
    public void StepAll(ReadOnlySpan<int> tokens) => Run(tokens, 0, LogitsWanted.All, tokens.Length);

    /// <inheritdoc/>
    public void StepTogether(ReadOnlySpan<int> tokens, int position)
    {
        tokens.CopyTo(_tokens);
        for (var i = 0; i < tokens.Length; i++)
        {
            _rows[i] = new RunnerRow(_tokens.AsMemory(i, 1), position, _tables[i], LogitsWanted.Last);
        }

        _runner.Step(_rows.AsSpan(0, tokens.Length), Room(tokens.Length));
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Logits(int index) =>
        _logits.AsSpan(Math.Max(index, 0) * _runner.Model.VocabSize, _runner.Model.VocabSize);

    /// <inheritdoc/>
    public void Dispose() => _runner.Dispose();

    private void Run(ReadOnlySpan<int> tokens, int position, LogitsWanted wanted, int count)
    {
        tokens.CopyTo(_tokens);
        _rows[0] = new RunnerRow(_tokens.AsMemory(0, tokens.Length), position, _tables[0], wanted);
        _runner.Step(_rows.AsSpan(0, 1), Room(count));
    }

    private Span<float> Room(int rows)
    {
        var needed = rows * _runner.Model.VocabSize;
        if (_logits.Length < needed)
        {
            _logits = new float[needed];
        }

        return _logits.AsSpan(0, needed);
    }
}
