using TorchKv.PortChecking.Text;
using TorchKv.PortChecking.Traces;

namespace TorchKv.PortChecking.Comparison;

/// <summary>
/// An output of a trace, or several joined along the last dimension, with the positions of the numbers that the trace
/// kept.
/// </summary>
internal sealed class KeptOutput
{
    private readonly RecordedTrace _trace;
    private readonly TraceKey[] _keys;

    // How often the rows are repeated, as if they were computed for each batch row.
    private readonly int _times = 1;

    /// <summary>Finds what a trace kept. The numbers are not read.</summary>
    /// <exception cref="TraceException">The outputs cannot be joined.</exception>
    public KeptOutput(RecordedTrace trace, params TraceKey[] keys)
    {
        _trace = trace;
        _keys = keys;
        int[][] shapes = [.. keys.Select(trace.FullShapeOf)];
        Shape = JoinedOutputs.Shape(shapes);
        var rows = RowCount(shapes[0]);
        if (Array.Exists(shapes, shape => RowCount(shape) != rows))
        {
            var told = keys.Zip(shapes).Select(part => $"{part.First} {Figures.ShapeText(part.Second)}");
            throw new TraceException($"{string.Join(", ", told)} cannot be joined along the last dimension.");
        }

        IsSampled = Array.Exists(keys, key => trace.Facts.Sampled.ContainsKey(key.ToString()));
        var kept = keys.Zip(shapes).Select(part => Positions(part.First, part.Second)).ToArray();
        Rows = kept[0].Rows;
        var columns = new List<int>();
        var before = 0;
        for (var i = 0; i < keys.Length; i++)
        {
            var offset = before;
            columns.AddRange(kept[i].Columns.Select(column => offset + column));
            before += ColumnCount(shapes[i]);
        }

        Columns = [.. columns];
    }

    private KeptOutput(KeptOutput one, int times, int[] shape)
    {
        (_trace, _keys, _times) = (one._trace, one._keys, times);
        (Shape, IsSampled, Columns) = (shape, one.IsSampled, one.Columns);
        var rows = RowCount(one.Shape);
        Rows = [.. Enumerable.Range(0, times).SelectMany(i => one.Rows.Select(row => (i * rows) + row))];
    }

    /// <summary>The shape of the whole output.</summary>
    public int[] Shape { get; }

    /// <summary>Whether some numbers were not kept.</summary>
    public bool IsSampled { get; }

    /// <summary>The rows that were kept, in ascending order.</summary>
    public int[] Rows { get; }

    /// <summary>The columns that were kept, in ascending order.</summary>
    public int[] Columns { get; }

    /// <summary>The shape of some rows and columns of the output.</summary>
    public int[] ShapeOf(int[] rows, int[] columns) => rows.Length == RowCount(Shape)
        ? [.. Shape.SkipLast(1), columns.Length]
        : [rows.Length, columns.Length];

    /// <summary>
    /// This output, repeated for each batch row of a shape that has more of them. A model may compute once what is the
    /// same in all batch rows, such as the embeddings of positions. This output itself where the shape is not such a
    /// one.
    /// </summary>
    public KeptOutput RepeatedLike(int[] shape) => shape.Length >= 2 && shape[0] > 1
        && shape.AsSpan(1).TrimStart(1).SequenceEqual(Shape.AsSpan().TrimStart(1))
        && !ErrorMeasure.AreComparable(Shape, shape)
            ? new(this, shape[0], shape)
            : this;

    /// <summary>Reads all numbers that were kept.</summary>
    public Activation Read()
    {
        var one = JoinedOutputs.Join([.. _keys.Select(_trace.Read)]);
        float[] values = [.. Enumerable.Repeat(one.Values, _times).SelectMany(values => values)];
        return _times == 1 ? one : one with { Shape = ShapeOf(Rows, Columns), Values = values };
    }

    /// <summary>Reads the numbers in some of the kept rows and columns.</summary>
    public Activation Read(int[] rows, int[] columns)
    {
        var all = Read();
        var places = columns.Select(column => Array.BinarySearch(Columns, column)).ToArray();
        var values = new float[rows.Length * columns.Length];
        var next = 0;
        foreach (var row in rows)
        {
            var numbers = all.Row(Array.BinarySearch(Rows, row));
            foreach (var place in places)
            {
                values[next++] = numbers[place];
            }
        }

        return all with { Shape = ShapeOf(rows, columns), Values = values };
    }

    private (int[] Rows, int[] Columns) Positions(TraceKey key, int[] shape)
    {
        var isSampled = _trace.Facts.Sampled.ContainsKey(key.ToString());
        return (isSampled ? TraceSampling.Positions(shape, _trace.Facts.MaxElements) : null)
            ?? ([.. Enumerable.Range(0, RowCount(shape))], [.. Enumerable.Range(0, ColumnCount(shape))]);
    }

    private static int ColumnCount(int[] shape) => shape.Length == 0 ? 1 : shape[^1];

    private static int RowCount(int[] shape) => shape.SkipLast(1).Aggregate(1, (count, size) => checked(count * size));
}
