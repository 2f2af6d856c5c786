using System.Runtime.CompilerServices;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Server.Tests.Support;

/// <summary>A generator that says what a test tells it to, at the pace that the test gives.</summary>
internal sealed class FakeGenerator(Gpt2Tokenizer tokenizer) : IGenerator
{
    private readonly SemaphoreSlim _steps = new(0);
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isArmed;
    private int _active;
    private int _started;

    public ModelShape Model { get; init; } = new()
    {
        VocabSize = tokenizer.VocabSize,
        ContextLength = 512,
        LayerCount = 1,
        HeadCount = 1,
        HeadDim = 1,
        BosTokenId = tokenizer.EndOfTextId,
        EosTokenIds = [tokenizer.EndOfTextId!.Value],
    };

    public GeneratorLoad Load => new(0, Active, 100 - Active, 100, 16);

    /// <summary>
    /// The text of every answer; it ends with stop where <see cref="EndsByItself"/>, else it repeats until max_tokens.
    /// </summary>
    public string Says { get; init; } = " Once upon a time there was a cat.";

    public bool EndsByItself { get; init; } = true;

    /// <summary>Whether each token waits for <see cref="Release"/>.</summary>
    public bool IsGated { get; init; }

    /// <summary>Thrown by the call itself.</summary>
    public Exception? Refusal { get; set; }

    /// <summary>Thrown in place of the token of this number; 0 is the first.</summary>
    public (int At, Exception Error)? Failure { get; set; }

    /// <summary>The log-probability of every token.</summary>
    public float LogProbability { get; init; } = -0.5f;

    /// <summary>Generations that run.</summary>
    public int Active => Volatile.Read(ref _active);

    public int Started => Volatile.Read(ref _started);

    /// <summary>The last request's options.</summary>
    public GenerationOptions? LastOptions { get; private set; }

    public IReadOnlyList<int>? LastPrompt { get; private set; }

    /// <summary>Called with the options of each request, once it does as told.</summary>
    public Action<GenerationOptions>? OnStart { get; set; }

    /// <summary>Done when a generation has begun.</summary>
    public Task Begun => _begun.Task;

    /// <summary>From now on it does as told; until then, for the server's warming up, it only answers.</summary>
    public void Arm() => _isArmed = true;

    /// <summary>Lets go of the last request.</summary>
    public void Forget() => (LastOptions, LastPrompt) = (null, null);

    public void Release(int tokens) => _steps.Release(tokens);

    public IAsyncEnumerable<GeneratedPiece> GenerateAsync(
        IReadOnlyList<int> promptIds,
        GenerationOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new GenerationOptions();
        LastOptions = options;
        LastPrompt = promptIds;
        if (_isArmed)
        {
            OnStart?.Invoke(options);
        }

        return _isArmed && Refusal is { } refusal ? throw refusal : RunAsync(
            [.. promptIds],
            options,
            cancellationToken);
    }

    private async IAsyncEnumerable<GeneratedPiece> RunAsync(
        int[] prompt,
        GenerationOptions options,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _active);
        if (_isArmed)
        {
            Interlocked.Increment(ref _started);
            _begun.TrySetResult();
        }

        try
        {
            var ids = tokenizer.Encode(Says);
            var rows = new Row[options.Samples];
            for (var i = 0; i < rows.Length; i++)
            {
                rows[i] = new Row(new IncrementalDetokenizer(tokenizer, options.Stop));
            }

            for (var step = 0; rows.Any(row => !row.IsDone); step++)
            {
                if (IsGated && _isArmed)
                {
                    await _steps.WaitAsync(cancellationToken);
                }
                else
                {
                    await Task.Yield();
                    cancellationToken.ThrowIfCancellationRequested();
                }

                if (_isArmed && Failure is { } failure && failure.At == step)
                {
                    throw failure.Error;
                }

                for (var r = 0; r < rows.Length; r++)
                {
                    if (!rows[r].IsDone)
                    {
                        yield return Next(rows[r], r, step, ids, prompt, options);
                    }
                }
            }
        }
        finally
        {
            Interlocked.Decrement(ref _active);
        }
    }

    private GeneratedPiece Next(
        Row row,
        int index,
        int step,
        IReadOnlyList<int> ids,
        int[] prompt,
        GenerationOptions options)
    {
        var scores = step == 0 && index == 0 && options.PromptLogProbs ? prompt.Skip(1).Select(id => Score(
            id,
            options)).ToArray() : null;
        if ((EndsByItself && step == ids.Count) || step == options.MaxNewTokens)
        {
            row.IsDone = true;
            return new GeneratedPiece
            {
                Row = index,
                Text = row.Text.Finish(),
                PromptLogProbs = scores,
                FinishReason = step == options.MaxNewTokens ? FinishReason.Length : FinishReason.Stop,
                Usage = new Usage(prompt.Length, step, 3),
            };
        }

        var id = ids[step % ids.Count];
        var text = row.Text.Append(id);
        FinishReason? reason = row.Text.IsStopped ? FinishReason.Stop
            : step + 1 == options.MaxNewTokens ? FinishReason.Length
            : null;
        row.IsDone = reason is not null;
        return new GeneratedPiece
        {
            Row = index,
            Text = row.IsDone ? text + row.Text.Finish() : text,
            TokenIds = [id],
            LogProbs = options.LogProbs is null ? [] : [Score(id, options)],
            PromptLogProbs = scores,
            FinishReason = reason,
            Usage = row.IsDone ? new Usage(prompt.Length, step + 1, 3) : null,
        };
    }

    private ScoredToken Score(int id, GenerationOptions options)
        => new(
            id,
            LogProbability,
            [.. Enumerable.Range(
                0,
                options.LogProbs ?? 0).Select(i => new TokenLogProbability(i, LogProbability - i))]);

    private sealed class Row(IncrementalDetokenizer text)
    {
        public IncrementalDetokenizer Text { get; } = text;

        public bool IsDone { get; set; }
    }
}
