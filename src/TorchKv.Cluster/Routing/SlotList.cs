namespace TorchKv.Cluster.Routing;

/// <summary>Values under numbers that stay the same; the number of one that was removed is given out again.</summary>
internal sealed class SlotList<T>
    where T : struct
{
    private readonly Stack<int> _free = new();
    private T[] _values = [];
    private int _used;

    /// <summary>A value by its number.</summary>
    public ref T this[int number] => ref _values[number];

    /// <summary>Adds a value and gives its number.</summary>
    public int Add(in T value)
    {
        if (!_free.TryPop(out var number))
        {
            number = _used++;
            if (number == _values.Length)
            {
                Array.Resize(ref _values, Math.Max(16, number * 2));
            }
        }

        _values[number] = value;
        return number;
    }

    /// <summary>Removes a value.</summary>
    public void Remove(int number)
    {
        _values[number] = default;
        _free.Push(number);
    }
}
