namespace TorchKv.Cluster.Routing;

/// <summary>
/// Entries of one block in order of their replicas' numbers. Most blocks have one holder, which takes no array.
/// </summary>
internal struct HolderList
{
    private int _only;
    private int[]? _many;

    /// <summary>How many.</summary>
    public int Count { get; private set; }

    /// <summary>An entry by its place.</summary>
    public readonly int this[int place] => _many is null ? _only : _many[place];

    /// <summary>Adds an entry at a place.</summary>
    public void Insert(int place, int entry)
    {
        if (Count == 0)
        {
            _only = entry;
        }
        else
        {
            if (_many is null)
            {
                _many = [_only, 0, 0, 0];
            }
            else if (Count == _many.Length)
            {
                Array.Resize(ref _many, Count * 2);
            }

            Array.Copy(_many, place, _many, place + 1, Count - place);
            _many[place] = entry;
        }

        Count++;
    }

    /// <summary>Takes the entry at a place out.</summary>
    public void RemoveAt(int place)
    {
        Count--;
        if (_many is null)
        {
            return;
        }

        Array.Copy(_many, place + 1, _many, place, Count - place);
        if (Count == 1)
        {
            (_only, _many) = (_many[0], null);
        }
        else if (Count < _many.Length / 4)
        {
            Array.Resize(ref _many, _many.Length / 2);
        }
    }
}
