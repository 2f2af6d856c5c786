using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace TorchSharp.Utils;

/// <summary>A dictionary that keeps the order of insertion, and enumerates as pairs.</summary>
public class OrderedDict<TKey, TValue> : IEnumerable<(TKey, TValue)> where TKey : notnull
{
    private readonly List<(TKey Key, TValue Value)> _list = [];
    private readonly Dictionary<TKey, int> _indices = [];

    public int Count => _list.Count;

    public ICollection<TKey> Keys => _list.ConvertAll(pair => pair.Key);

    public ICollection<TValue> Values => _list.ConvertAll(pair => pair.Value);

    public TValue this[TKey key]
    {
        get => _list[_indices[key]].Value;
        set
        {
            if (_indices.TryGetValue(key, out var index))
            {
                _list[index] = (key, value);
            }
            else
            {
                Add(key, value);
            }
        }
    }

    public void Add(TKey key, TValue value)
    {
        _indices.Add(key, _list.Count);
        _list.Add((key, value));
    }

    public bool TryAdd(TKey key, TValue value)
    {
        if (_indices.ContainsKey(key))
        {
            return false;
        }
        Add(key, value);
        return true;
    }

    public bool ContainsKey(TKey key) => _indices.ContainsKey(key);

    public bool TryGetValue(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        var found = _indices.TryGetValue(key, out var index);
        value = found ? _list[index].Value : default;
        return found;
    }

    public bool Remove(TKey key)
    {
        if (!_indices.Remove(key, out var removed))
        {
            return false;
        }
        _list.RemoveAt(removed);
        for (var i = removed; i < _list.Count; i++)
        {
            _indices[_list[i].Key] = i;
        }
        return true;
    }

    public void Clear()
    {
        _list.Clear();
        _indices.Clear();
    }

    public IEnumerator<(TKey, TValue)> GetEnumerator() => _list.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
