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

    // The kept columns of each joined output, by their place in that output.
    private readonly int[][] _columnsOfKeys;

    /// <summary>Finds what a trace kept. The numbers are not read.</summary>
    /// <exception cref="TraceException">The outputs cannot be joined, or are not sampled as the trace says.</exception>
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
        _columnsOfKeys = [.. kept.Select(part => part.Columns)];
        var columns = new List<int>();
        var before = 0;
        for (var i = 0; i < keys.Length; i++)
        {
            var offset = before;
            columns.AddRange(_columnsOfKeys[i].Select(column => offset + column));
            before += ColumnCount(shapes[i]);
        }

        Columns = [.. columns];
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

    /// <summary>Reads all numbers that were kept.</summary>
    public Activation Read() => JoinedOutputs.Join([.. _keys.Select(_trace.Read)]);

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
        var kept = isSampled ? TraceSampling.Positions(shape, _trace.Facts.MaxElements) : null;
        if (isSampled && !(kept?.Shape ?? shape).SequenceEqual(_trace.ShapeOf(key)))
        {
            throw new TraceException($"{_trace.Name}: {key} is {Figures.ShapeText(_trace.ShapeOf(key))}, which is not "
                + $"what \"max_elements\" = {_trace.Facts.MaxElements} keeps of {Figures.ShapeText(shape)}.");
        }

        return kept is var (rows, columns, _)
            ? (rows, columns)
            : ([.. Enumerable.Range(0, RowCount(shape))], [.. Enumerable.Range(0, ColumnCount(shape))]);
    }

    private static int ColumnCount(int[] shape) => shape.Length == 0 ? 1 : shape[^1];

    private static int RowCount(int[] shape) => shape.SkipLast(1).Aggregate(1, (count, size) => checked(count * size));
}
