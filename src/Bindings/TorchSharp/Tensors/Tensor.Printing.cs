using System.Globalization;
using System.Text;

namespace TorchSharp;

/// <summary>How a tensor is written as text.</summary>
public enum TensorStringStyle
{
    Metadata = 0,
    Julia = 1,
    Numpy = 2,
    CSharp = 3,
    Default = 4,
}

public static partial class torch
{
    public static readonly TensorStringStyle julia = TensorStringStyle.Julia;
    public static readonly TensorStringStyle numpy = TensorStringStyle.Numpy;
    public static readonly TensorStringStyle csharp = TensorStringStyle.CSharp;

    /// <summary>The style that <see cref="TensorStringStyle.Default"/> stands for.</summary>
    public static TensorStringStyle TensorStringStyle { get; set; } = TensorStringStyle.Julia;

    public partial class Tensor
    {
        private const string DefaultFormat = "g5";
        private const int DefaultWidth = 100;

        // Longer dimensions are written as their ends and an ellipsis.
        private const int MaxEntries = 6;
        private const string Ellipsis = "...";

        /// <summary>Shape, type and device, as <c>[2x3], type = Float32, device = cpu</c>.</summary>
        public override string ToString() => IsInvalid ? "" : $"[{string.Join('x', shape)}], type = {dtype}, device = {device}";

        public string ToString(bool disamb, string? fltFormat = null, int? width = null, CultureInfo? cultureInfo = null, string? newLine = null) =>
            disamb ? ToString(TensorStringStyle.Default, fltFormat, width, cultureInfo, newLine) : ToString();

        public string ToString(TensorStringStyle style, string? fltFormat = null, int? width = null, CultureInfo? cultureInfo = null, string? newLine = null)
        {
            if (style == TensorStringStyle.Default)
            {
                style = torch.TensorStringStyle;
            }
            if (style == TensorStringStyle.Metadata || is_meta)
            {
                return ToString();
            }
            // Values are read from a contiguous copy in a type that .NET has: bf16 as float.
            using var scope = NewDisposeScope();
            var values = new Written(cpu().contiguous(), fltFormat ?? DefaultFormat, cultureInfo ?? CultureInfo.CurrentCulture, newLine ?? Environment.NewLine);
            return style switch
            {
                TensorStringStyle.Numpy => values.Nested(0, 0, "[", "]", ", ", "", separateRowsByComma: false),
                TensorStringStyle.CSharp => $"{this}, value = {values.CSharp()}",
                TensorStringStyle.Julia => $"{this}{values.Julia(width ?? DefaultWidth)}",
                _ => throw new ArgumentOutOfRangeException(nameof(style), style, "Unsupported tensor string style"),
            };
        }

        private sealed class Written
        {
            private readonly long[] _shape;
            private readonly ScalarType _type;
            private readonly Func<long, string> _element;
            private readonly string _newLine;

            public Written(Tensor tensor, string format, CultureInfo culture, string newLine)
            {
                _shape = tensor.shape;
                _type = tensor.dtype;
                _newLine = newLine;
                _element = _type switch
                {
                    ScalarType.Bool => Of<bool>(tensor, value => value ? "True" : "False"),
                    ScalarType.Byte => Of<byte>(tensor, value => value.ToString(culture)),
                    ScalarType.Int8 => Of<sbyte>(tensor, value => value.ToString(culture)),
                    ScalarType.Int16 => Of<short>(tensor, value => value.ToString(culture)),
                    ScalarType.Int32 => Of<int>(tensor, value => value.ToString(culture)),
                    ScalarType.Int64 => Of<long>(tensor, value => value.ToString(culture)),
                    ScalarType.Float64 => Of<double>(tensor, value => value.ToString(format, culture)),
                    ScalarType.Float32 => Of<float>(tensor, value => value.ToString(format, culture)),
                    ScalarType.Float16 or ScalarType.BFloat16 => Of<float>(tensor.to_type(ScalarType.Float32), value => value.ToString(format, culture)),
                    _ => throw new NotSupportedException($"tensors of {_type} have no text form here"),
                };
            }

            /// <summary>Rows in brackets, one a line; higher dimensions are apart by as many empty lines as NumPy leaves.</summary>
            public string Nested(int dim, long offset, string open, string close, string separator, string suffix, bool separateRowsByComma)
            {
                if (dim == _shape.Length)
                {
                    return _element(offset) + suffix;
                }
                var inner = Inner(dim);
                string Entry(long index) => Nested(dim + 1, offset + (index * inner), open, close, separator, suffix, separateRowsByComma);
                var entries = Shown(_shape[dim]).Select(index => index < 0 ? Ellipsis : Entry(index));
                if (dim < _shape.Length - 1)
                {
                    var between = (separateRowsByComma ? "," : "") + string.Concat(Enumerable.Repeat(_newLine, _shape.Length - dim - 1)) + new string(' ', dim + 1);
                    return open + string.Join(between, entries) + close;
                }
                return open + string.Join(separator, entries).Replace(Ellipsis + separator, Ellipsis + " ", StringComparison.Ordinal) + close;
            }

            public string CSharp()
            {
                var (name, suffix) = _type switch
                {
                    ScalarType.Bool => ("bool", ""),
                    ScalarType.Byte => ("byte", ""),
                    ScalarType.Int8 => ("sbyte", ""),
                    ScalarType.Int16 => ("short", ""),
                    ScalarType.Int32 => ("int", ""),
                    ScalarType.Int64 => ("long", "L"),
                    ScalarType.Float64 => ("double", ""),
                    _ => ("float", "f"),
                };
                return _shape.Length == 0
                    ? _element(0)
                    : $"{name} [{new string(',', _shape.Length - 1)}] {Nested(0, 0, "{", "}", ", ", suffix, separateRowsByComma: true)}";
            }

            /// <summary>Matrices with aligned columns; higher dimensions one matrix after the other, under its indices.</summary>
            public string Julia(int width)
            {
                if (_shape.Length == 0)
                {
                    return $", value = {_element(0)}";
                }
                var builder = new StringBuilder(_newLine);
                Matrices(builder, 0, 0, "", width);
                return builder.ToString();
            }

            private void Matrices(StringBuilder builder, int dim, long offset, string indices, int width)
            {
                if (_shape.Length - dim > 2)
                {
                    for (long i = 0; i < _shape[dim]; i++)
                    {
                        Matrices(builder, dim + 1, offset + (i * Inner(dim)), $"{indices}{i},", width);
                    }
                    return;
                }
                if (indices.Length > 0)
                {
                    builder.Append('[').Append(indices).Append("..,..] =").Append(_newLine);
                }
                var rows = _shape.Length - dim == 1 ? 1 : _shape[dim];
                var columns = _shape[^1];
                // As many columns as the width holds.
                var text = new List<string[]>();
                var total = 0;
                for (long column = 0; column < columns; column++)
                {
                    var cells = new string[rows];
                    for (long row = 0; row < rows; row++)
                    {
                        cells[row] = _element(offset + (row * columns) + column);
                    }
                    var widest = cells.Length == 0 ? 0 : cells.Max(cell => cell.Length);
                    total += widest + 1;
                    if (total > width)
                    {
                        break;
                    }
                    text.Add(Array.ConvertAll(cells, cell => cell.PadLeft(widest)));
                }
                for (long row = 0; row < rows; row++)
                {
                    foreach (var cells in text)
                    {
                        builder.Append(' ').Append(cells[row]);
                    }
                    builder.Append(text.Count < columns ? " ..." : "").Append(_newLine);
                }
            }

            private long Inner(int dim) => _shape[(dim + 1)..].Aggregate(1L, (product, size) => product * size);

            // The indices to write; −1 stands for the ellipsis.
            private static IEnumerable<long> Shown(long size)
            {
                for (long i = 0; i < size; i++)
                {
                    if (size > MaxEntries && i == MaxEntries / 2)
                    {
                        yield return -1;
                        i = size - (MaxEntries / 2);
                    }
                    yield return i;
                }
            }

            private static Func<long, string> Of<T>(Tensor tensor, Func<T, string> write) where T : unmanaged
            {
                var accessor = tensor.data<T>();
                return index => write(accessor.At(index));
            }
        }
    }
}

public static partial class TensorExtensionMethods
{
    public static string str(this torch.Tensor tensor, string? fltFormat = null, int? width = null, string? newLine = null, CultureInfo? cultureInfo = null, TensorStringStyle style = TensorStringStyle.Default) =>
        tensor.ToString(style, fltFormat, width, cultureInfo, newLine);

    public static string jlstr(this torch.Tensor tensor, string? fltFormat = null, int? width = null, string? newLine = null, CultureInfo? cultureInfo = null) =>
        tensor.ToString(TensorStringStyle.Julia, fltFormat, width, cultureInfo, newLine);

    public static string npstr(this torch.Tensor tensor, string? fltFormat = "g5", int? width = 100, string? newLine = null, CultureInfo? cultureInfo = null) =>
        tensor.ToString(TensorStringStyle.Numpy, fltFormat, width, cultureInfo, newLine);

    public static string cstr(this torch.Tensor tensor, string? fltFormat = "g5", int? width = 100, string? newLine = null, CultureInfo? cultureInfo = null) =>
        tensor.ToString(TensorStringStyle.CSharp, fltFormat, width, cultureInfo, newLine);

    public static string metastr(this torch.Tensor tensor) => tensor.ToString();

    public static torch.Tensor print(this torch.Tensor t, string? fltFormat = "g5", int? width = 100, string? newLine = "\n", CultureInfo? cultureInfo = null, TensorStringStyle style = TensorStringStyle.Default)
    {
        Console.WriteLine(t.ToString(style, fltFormat, width, cultureInfo, newLine));
        return t;
    }
}
