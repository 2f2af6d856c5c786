namespace Microsoft.ML.Tokenizers;

/// <summary>The symbols of a piece before they are merged.</summary>
/// <param name="ids">Room for the ids.</param>
/// <param name="lengths">Room for the lengths.</param>
/// <param name="unknownId">Stands for a symbol without an id; null: such a symbol is dropped.</param>
/// <param name="fuse">Whether neighbouring unknown symbols give one.</param>
internal ref struct SymbolList(Span<int> ids, Span<int> lengths, int? unknownId, bool fuse)
{
    private readonly Span<int> _ids = ids;
    private readonly Span<int> _lengths = lengths;
    private bool _endsUnknown;

    /// <summary>Symbols so far.</summary>
    public int Count { get; private set; }

    /// <summary>Adds a symbol by its id; null where the vocabulary lacks it.</summary>
    public void Add(int? id, int length)
    {
        var isUnknown = id is null;
        if (isUnknown && unknownId is null)
        {
            return;
        }

        if (isUnknown && fuse && _endsUnknown)
        {
            _lengths[Count - 1] += length;
            return;
        }

        _ids[Count] = id ?? unknownId!.Value;
        _lengths[Count] = length;
        Count++;
        _endsUnknown = isUnknown;
    }
}
