namespace TorchKv.Cluster.Routing;

/// <summary>
/// The replicas that are ready, in the order in which they last took a new conversation, the longest ago first. All
/// operations are O(1). Not thread-safe.
/// </summary>
internal sealed class TurnOrder
{
    private struct Place
    {
        public int Previous;
        public int Next;
        public long Taken;
    }

    private const int None = -1;

    // Where nothing was taken yet: as long ago as any wait.
    private const long Never = long.MinValue / 2;

    private Place[] _places = [];
    private int _last = None;

    /// <summary>The one whose turn it is; −1 where there is none.</summary>
    public int First { get; private set; } = None;

    /// <summary>New conversations so far.</summary>
    public long Count { get; private set; }

    /// <summary>The one after another; −1 after the last.</summary>
    public int After(int replica) => _places[replica].Next;

    /// <summary>How many new conversations others took since this one's last.</summary>
    public long Waited(int replica) => Count - _places[replica].Taken;

    /// <summary>Adds a replica; it has the first turn.</summary>
    public void Add(int replica)
    {
        if (replica >= _places.Length)
        {
            Array.Resize(ref _places, Math.Max(replica + 1, _places.Length * 2));
        }

        Insert(replica, None, Never);
    }

    /// <summary>Takes a replica out.</summary>
    public void Remove(int replica)
    {
        var place = _places[replica];
        if (place.Previous == None)
        {
            First = place.Next;
        }
        else
        {
            _places[place.Previous].Next = place.Next;
        }

        if (place.Next == None)
        {
            _last = place.Previous;
        }
        else
        {
            _places[place.Next].Previous = place.Previous;
        }
    }

    /// <summary>A replica took a new conversation: its next turn comes last.</summary>
    public void Take(int replica)
    {
        Count++;
        Remove(replica);
        Insert(replica, _last, Count);
    }

    private void Insert(int replica, int before, long taken)
    {
        var next = before == None ? First : _places[before].Next;
        _places[replica] = new Place { Previous = before, Next = next, Taken = taken };
        if (before == None)
        {
            First = replica;
        }
        else
        {
            _places[before].Next = replica;
        }

        if (next == None)
        {
            _last = replica;
        }
        else
        {
            _places[next].Previous = replica;
        }
    }
}
