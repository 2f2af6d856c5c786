namespace TorchKv.Cli.Terminal;

/// <summary>Counts the pieces of work that must be finished before the process may end.</summary>
internal sealed class UnfinishedWork
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _ended;
    private int _count;

    /// <summary>Begins a piece of work, which ends when the result is disposed.</summary>
    public IDisposable Begin()
    {
        lock (_gate)
        {
            if (_count++ == 0)
            {
                _ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        return new Piece(this);
    }

    /// <summary>Ends when all work that has begun is finished; at once where there is none.</summary>
    public Task EndedAsync()
    {
        lock (_gate)
        {
            return _ended?.Task ?? Task.CompletedTask;
        }
    }

    private void End()
    {
        lock (_gate)
        {
            if (--_count == 0)
            {
                _ended!.SetResult();
                _ended = null;
            }
        }
    }

    private sealed class Piece(UnfinishedWork work) : IDisposable
    {
        private UnfinishedWork? _work = work;

        public void Dispose() => Interlocked.Exchange(ref _work, null)?.End();
    }
}
