using System.Runtime.CompilerServices;
using TorchKv.Runtime.Contracts;
using TorchKv.Structured.Matching;

namespace TorchKv.Structured;

/// <summary>
/// The compiled constraints of a vocabulary. Requests for one that is being compiled wait for it. Those not used for
/// the longest time go first when all together are too large.
/// </summary>
/// <param name="byteLimit">Bytes of all compiled constraints together.</param>
internal sealed class CompileCache(long byteLimit)
{
    /// <summary>Bytes that a vocabulary's compiled constraints may take.</summary>
    public const long DefaultByteLimit = 96L << 20;

    private static readonly ConditionalWeakTable<ITokenVocabulary, CompileCache> s_caches = [];

    private readonly Lock _gate = new();
    private readonly Dictionary<(UInt128 Low, UInt128 High), Task<CompiledGrammar>> _entries = [];
    private readonly LinkedList<(UInt128 Low, UInt128 High)> _order = [];

    /// <summary>Number of constraints that are kept or being compiled.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>A vocabulary's cache.</summary>
    public static CompileCache Of(ITokenVocabulary vocabulary)
        => s_caches.GetValue(vocabulary, static _ => new CompileCache(DefaultByteLimit));

    /// <summary>A compiled constraint: the kept one, or compiled now on a thread of the pool.</summary>
    /// <param name="key">Tells constraints apart.</param>
    /// <param name="compile">Compiles it.</param>
    /// <param name="cancellationToken">Ends the waiting; others may wait for the same.</param>
    public async Task<CompiledGrammar> GetAsync(
        (UInt128 Low, UInt128 High) key, Func<CompiledGrammar> compile, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Task<CompiledGrammar>? task;
        lock (_gate)
        {
            if (_entries.TryGetValue(key, out task))
            {
                _order.Remove(key);
            }
            else
            {
                task = Task.Run(compile, CancellationToken.None);
                _entries.Add(key, task);
            }

            _order.AddFirst(key);
        }

        try
        {
            return await task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Trim(key, task);
        }
    }

    private void Trim((UInt128 Low, UInt128 High) key, Task<CompiledGrammar> task)
    {
        lock (_gate)
        {
            if (task.IsFaulted && _entries.TryGetValue(key, out var kept) && kept == task)
            {
                Remove(key);
            }

            var bytes = 0L;
            foreach (var entry in _entries.Values)
            {
                bytes += entry.IsCompletedSuccessfully ? entry.Result.Bytes : 0;
            }

            while (bytes > byteLimit && _order.Last is { } oldest)
            {
                bytes -= _entries[oldest.Value] is { IsCompletedSuccessfully: true } last ? last.Result.Bytes : 0;
                Remove(oldest.Value);
            }
        }
    }

    private void Remove((UInt128 Low, UInt128 High) key)
    {
        _entries.Remove(key);
        _order.Remove(key);
    }
}
