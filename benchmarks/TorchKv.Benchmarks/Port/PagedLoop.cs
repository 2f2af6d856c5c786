using TorchKv.Benchmarks.Measuring;
using TorchKv.Models;
using TorchKv.Running;
using TorchKv.Runtime.Model;

namespace TorchKv.Benchmarks.Port;

/// <summary>The engine's runner over a paged pool: each sequence owns a stretch of blocks.</summary>
internal sealed class PagedLoop : IGreedyLoop
{
    private readonly TorchRunner _runner;
    private readonly RunnerRow[] _rows;
    private readonly float[] _logits;

    public PagedLoop(GPTModel model, TorchRequest request)
    {
        const int BlockSize = 16;
        var blocks = (request.Prompt + request.New + BlockSize - 1) / BlockSize;
        _runner = new TorchRunner(model, blocks * request.Batch, maxTokensPerStep: request.Prompt * request.Batch);
        _logits = new float[(long)request.Batch * _runner.Model.VocabSize];
        int[] prompts = [.. MadeUpPrompts.Of(request, _runner.Model.VocabSize).Select(id => (int)id)];
        _rows =
        [
            .. Enumerable.Range(0, request.Batch).Select(row => new RunnerRow(
                prompts.AsMemory(row * request.Prompt, request.Prompt),
                0,
                Enumerable.Range(row * blocks, blocks).ToArray(),
                LogitsWanted.Last)),
        ];
    }

    /// <inheritdoc/>
    public int Next()
    {
        _runner.Step(_rows, _logits);
        for (var i = 0; i < _rows.Length; i++)
        {
            var (row, vocabulary) = (_rows[i], _runner.Model.VocabSize);
            var token = Greedy.Best(_logits.AsSpan(i * vocabulary, vocabulary));
            _rows[i] = row with { Tokens = new[] { token }, Position = row.Position + row.Tokens.Length };
        }

        return _rows[0].Tokens.Span[0];
    }

    public void Dispose() => _runner.Dispose();
}
