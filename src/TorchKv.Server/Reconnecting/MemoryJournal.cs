using TorchKv.Server.Resuming;

namespace TorchKv.Server.Reconnecting;

/// <summary>A journal in the process's memory: the streams of this process, the newest of them.</summary>
/// <param name="most">Streams that are kept.</param>
/// <param name="mostTokens">Token ids of all of them together, about.</param>
internal sealed class MemoryJournal(
    int most = MemoryJournal.DefaultMost, long mostTokens = MemoryJournal.DefaultMostTokens) : IStreamJournal
{
    public const int DefaultMost = 4096;
    public const long DefaultMostTokens = 4 << 20;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = [];
    private readonly LinkedList<string> _order = [];
    private long _tokens;

    public ValueTask<StreamRecord?> FindAsync(byte[] key, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return new ValueTask<StreamRecord?>(
                _entries.TryGetValue(Convert.ToHexString(key), out var entry) ? entry.Record : null);
        }
    }

    public IStreamRecorder Begin(byte[] key, StreamRecord record)
    {
        var name = Convert.ToHexString(key);
        var entry = new Entry(this, record);
        lock (_gate)
        {
            Remove(name);
            _order.AddLast(name);
            _entries[name] = entry;
            while (_order.Count > 1 && (_order.Count > most || Interlocked.Read(ref _tokens) > mostTokens))
            {
                Remove(_order.First!.Value);
            }
        }

        return entry;
    }

    private void Remove(string name)
    {
        if (_entries.Remove(name, out var entry))
        {
            _order.Remove(name);
            entry.Forget();
        }
    }

    private sealed class Entry : IStreamRecorder
    {
        private readonly MemoryJournal _journal;
        private readonly List<int>[] _ids;
        private readonly StreamRecord _begun;
        private bool _isForgotten;

        public Entry(MemoryJournal journal, StreamRecord record)
        {
            (_journal, _begun) = (journal, record);
            _ids = [.. record.Ids.Select(ids => ids.ToList())];
            Interlocked.Add(ref journal._tokens, _ids.Sum(ids => ids.Count));
        }

        public StreamRecord Record
        {
            get
            {
                lock (_ids)
                {
                    return _begun with { Ids = [.. _ids.Select(ids => ids.ToArray())] };
                }
            }
        }

        public void Take(int choice, IReadOnlyList<int> ids)
        {
            lock (_ids)
            {
                if (!_isForgotten)
                {
                    _ids[choice].AddRange(ids);
                    Interlocked.Add(ref _journal._tokens, ids.Count);
                }
            }
        }

        /// <summary>The journal has no room for it any more.</summary>
        public void Forget()
        {
            lock (_ids)
            {
                _isForgotten = true;
                Interlocked.Add(ref _journal._tokens, -_ids.Sum(ids => (long)ids.Count));
                Array.ForEach(_ids, ids => ids.Clear());
            }
        }

        public void Finish()
        {
        }
    }
}
