using TorchKv.Server.Resuming;

namespace TorchKv.Server.Reconnecting;

/// <summary>A journal in the process's memory: the streams of this process, the newest of them.</summary>
/// <param name="most">Streams that are kept.</param>
internal sealed class MemoryJournal(int most = MemoryJournal.DefaultMost) : IStreamJournal
{
    public const int DefaultMost = 4096;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entry> _entries = [];
    private readonly LinkedList<string> _order = [];

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
        var entry = new Entry(record);
        lock (_gate)
        {
            _order.Remove(name);
            _order.AddLast(name);
            _entries[name] = entry;
            if (_order.Count > most)
            {
                _entries.Remove(_order.First!.Value);
                _order.RemoveFirst();
            }
        }

        return entry;
    }

    private sealed class Entry : IStreamRecorder
    {
        private readonly List<int>[] _ids;
        private readonly StreamRecord _begun;

        public Entry(StreamRecord record)
        {
            _begun = record;
            _ids = [.. record.Ids.Select(ids => ids.ToList())];
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
                _ids[choice].AddRange(ids);
            }
        }

        public void Finish()
        {
        }
    }
}
