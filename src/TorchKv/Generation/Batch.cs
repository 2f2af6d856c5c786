using System.Runtime.InteropServices;
using TorchKv.Caching;
using TorchKv.Models;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using static TorchSharp.torch;

namespace TorchKv.Generation;

/// <summary>
/// Rows of unequal length on their way through a model, left-padded, with or without a cache. A row that has ended leaves;
/// the others' logits are what each would get alone.
/// </summary>
/// <remarks>
/// All of it runs on one thread: dispose scopes are per thread, and so are the threads that libtorch computes with.
/// A step takes one upload of ids and one download of logits; that download is the step's only wait for the device.
/// </remarks>
internal sealed class Batch : IDisposable
{
    private readonly GPTModel _model;
    private readonly bool _useCache;
    private readonly int _padId;
    private readonly Device _device;
    private List<List<int>> _rows;
    private float[] _logits = [];

    // (rows, context), zero where a row is padding; null while all rows are equally long. Columns are positions in the cache.
    private Tensor? _mask;
    private bool _isPrefilled;
    private int _columns;

    /// <param name="model">Takes the rows; its cache is emptied.</param>
    /// <param name="useCache">Whether keys and values are kept between passes.</param>
    /// <param name="rows">Each row's ids, one at least. <see cref="Append"/> adds to these lists.</param>
    /// <param name="padId">Any id that the vocabulary has: padding is masked wherever it stands.</param>
    public Batch(GPTModel model, bool useCache, IReadOnlyList<List<int>> rows, int padId = 0)
    {
        _model = model;
        _useCache = useCache;
        _padId = padId;
        _rows = [.. rows];
        _device = model.tok_emb.weight!.device;
        _model.reset_kv_cache();
    }

    /// <summary>Rows that are still on their way.</summary>
    public int Count => _rows.Count;

    /// <summary>The cache at its fullest so far, as <see cref="Measure"/> last saw it.</summary>
    public CacheUsage Usage { get; private set; }

    /// <summary>Logits of the token after each row's last, (rows, vocabulary), float32; valid until the next call.</summary>
    public Span<float> Step()
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var fresh = !_isPrefilled || !_useCache;
        if (!fresh && _columns == _model.cfg.context_length)
        {
            // The longest row has ended at the context's end; those left are shorter, and go on with less padding before them.
            _model.reset_kv_cache();
            fresh = true;
        }

        return Download(fresh ? Prefill() : Decode());
    }

    /// <summary>Adds a token to each row.</summary>
    public void Append(ReadOnlySpan<int> ids)
    {
        for (var row = 0; row < _rows.Count; row++)
        {
            _rows[row].Add(ids[row]);
        }
    }

    /// <summary>Keeps the rows <paramref name="kept"/>, in that order; one may come more than once, and then as a copy.</summary>
    public void Select(IReadOnlyList<int> kept)
    {
        if (kept.Count == _rows.Count && kept.Select((from, row) => from == row).All(stays => stays))
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        Measure();
        var taken = new HashSet<int>();
        _rows = [.. kept.Select(row => taken.Add(row) ? _rows[row] : [.. _rows[row]])];
        if (_rows.Count == 0 || !_isPrefilled || !_useCache)
        {
            return;
        }

        long[] index = [.. kept.Select(row => (long)row)];
        _model.select_kv_cache_rows(index);
        if (_mask is not null)
        {
            using var before = _mask;
            _mask = before.index_select(0, tensor(index, dtype: int64, device: _device)).DetachFromDisposeScope();
        }
    }

    /// <summary>A row's ids.</summary>
    public IReadOnlyList<int> Row(int row) => _rows[row];

    public void Dispose()
    {
        _mask?.Dispose();
        _model.reset_kv_cache();
    }

    private Tensor Prefill()
    {
        _columns = _rows.Max(row => row.Count);
        var ids = new long[_rows.Count * _columns];
        var positions = new long[ids.Length];
        Array.Fill(ids, _padId);
        var padded = false;
        for (var row = 0; row < _rows.Count; row++)
        {
            var pads = _columns - _rows[row].Count;
            padded |= pads > 0;
            for (var i = 0; i < _rows[row].Count; i++)
            {
                ids[(row * _columns) + pads + i] = _rows[row][i];
                positions[(row * _columns) + pads + i] = i;
            }
        }

        _mask?.Dispose();
        _mask = padded ? MakeMask() : null;
        _isPrefilled = true;
        return _model.forward(
            Upload(ids, _columns),
            _useCache,
            _mask?.narrow(1, 0, _columns),
            padded ? Upload(positions, _columns) : null,
            logits_to_keep: 1);
    }

    private Tensor Decode()
    {
        _columns++;
        var ids = new long[_rows.Count];
        var positions = new long[_rows.Count];
        for (var row = 0; row < ids.Length; row++)
        {
            ids[row] = _rows[row][^1];
            positions[row] = _rows[row].Count - 1;
        }

        return _model.forward(
            Upload(ids, 1),
            true,
            _mask?.narrow(1, 0, _columns),
            _mask is null ? null : Upload(positions, 1),
            logits_to_keep: 1);
    }

    private Tensor MakeMask()
    {
        var width = _model.cfg.context_length;
        var mask = new long[_rows.Count * width];
        Array.Fill(mask, 1);
        for (var row = 0; row < _rows.Count; row++)
        {
            Array.Clear(mask, row * width, _columns - _rows[row].Count);
        }

        return Upload(mask, width).DetachFromDisposeScope();
    }

    private Tensor Upload(long[] values, int columns) => tensor(values, [values.Length / columns, columns], dtype: int64, device: _device);

    private Span<float> Download(Tensor logits)
    {
        using var host = logits.to(float32).to(CPU).contiguous();
        var values = MemoryMarshal.Cast<byte, float>(host.bytes);
        if (_logits.Length < values.Length)
        {
            _logits = new float[values.Length];
        }

        values.CopyTo(_logits);
        return _logits.AsSpan(0, values.Length);
    }

    /// <summary>Takes note of what the cache holds: before rows leave, and at the end.</summary>
    public void Measure()
    {
        if (!_useCache || !_isPrefilled)
        {
            return;
        }

        var cache = _model.kv_cache;
        var tokens = cache.held * _rows.Count;
        if (tokens > Usage.Tokens)
        {
            Usage = new CacheUsage(tokens, Math.Max(cache.held, Slots(cache)) * _rows.Count, _model.kv_bytes);
        }
    }

    private static long Slots(KvCache cache) => cache.cache_k is { } keys ? keys.size(2) : cache.held;
}
