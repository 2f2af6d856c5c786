namespace TorchKv.Structured.Automata;

/// <summary>Gives equal sequences of numbers the same id. Ids count up from 0.</summary>
internal sealed class SequenceTable
{
    private int[] _items = new int[256];
    private int[] _starts = new int[64];
    private int[] _hashes = new int[64];
    private int[] _slots = NewSlots(128);

    public int Count { get; private set; }

    /// <summary>Bytes that the table takes.</summary>
    public long Bytes => 4L * (_items.Length + _starts.Length + _hashes.Length + _slots.Length);

    public ReadOnlySpan<int> this[int id] => _items.AsSpan(_starts[id], _starts[id + 1] - _starts[id]);

    /// <summary>The id of a sequence.</summary>
    /// <param name="sequence">The numbers.</param>
    /// <param name="isNew">Whether the sequence was not there before.</param>
    public int Add(ReadOnlySpan<int> sequence, out bool isNew)
    {
        var hash = Hash(sequence);
        var slot = hash & (_slots.Length - 1);
        for (; _slots[slot] >= 0; slot = (slot + 1) & (_slots.Length - 1))
        {
            var id = _slots[slot];
            if (_hashes[id] == hash && this[id].SequenceEqual(sequence))
            {
                isNew = false;
                return id;
            }
        }

        isNew = true;
        var start = _starts[Count];
        Grow(ref _items, start + sequence.Length);
        Grow(ref _starts, Count + 2);
        Grow(ref _hashes, Count + 1);
        sequence.CopyTo(_items.AsSpan(start));
        _starts[Count + 1] = start + sequence.Length;
        _hashes[Count] = hash;
        _slots[slot] = Count;
        if (++Count * 2 > _slots.Length)
        {
            Rehash();
        }

        return Count - 1;
    }

    private static void Grow(ref int[] array, int length)
    {
        if (array.Length < length)
        {
            Array.Resize(ref array, Math.Max(length, array.Length * 2));
        }
    }

    private static int Hash(ReadOnlySpan<int> sequence)
    {
        var hash = 0x9E3779B97F4A7C15 + (ulong)sequence.Length;
        foreach (var item in sequence)
        {
            hash = (hash ^ (uint)item) * 0x9FB21C651E98DF25;
            hash ^= hash >> 32;
        }

        return (int)hash & int.MaxValue;
    }

    private static int[] NewSlots(int length)
    {
        var slots = new int[length];
        Array.Fill(slots, -1);
        return slots;
    }

    private void Rehash()
    {
        _slots = NewSlots(_slots.Length * 2);
        for (var id = 0; id < Count; id++)
        {
            var slot = _hashes[id] & (_slots.Length - 1);
            while (_slots[slot] >= 0)
            {
                slot = (slot + 1) & (_slots.Length - 1);
            }

            _slots[slot] = id;
        }
    }
}
