using System.Globalization;
using System.Text;
using System.Xml;

namespace TorchKv.Plotting;

/// <summary>
/// Writes an SVG drawing element by element. Lengths are in pixels and written with at most two decimals, in the
/// invariant culture. Texts are escaped. An element outside a group has a line of its own.
/// </summary>
internal sealed class Svg
{
    private readonly StringBuilder _body = new();
    private int _depth;

    /// <summary>A rectangle.</summary>
    /// <param name="x">Its left edge.</param>
    /// <param name="y">Its upper edge.</param>
    /// <param name="width">Its width.</param>
    /// <param name="height">Its height.</param>
    /// <param name="class">Its CSS class.</param>
    /// <param name="radius">Radius of its corners.</param>
    /// <param name="stroke">The line's colour, where the style sheet names none.</param>
    /// <param name="fill">The colour inside, where the style sheet names none.</param>
    /// <param name="style">CSS declarations, which take precedence over the style sheet.</param>
    /// <param name="tooltip">A text that a viewer shows under the pointer.</param>
    public void Rect(
        double x,
        double y,
        double width,
        double height,
        string? @class = null,
        double radius = 0,
        string? stroke = null,
        string? fill = null,
        string? style = null,
        string? tooltip = null)
    {
        Open("rect", @class);
        Attribute("x", x);
        Attribute("y", y);
        Attribute("width", width);
        Attribute("height", height);
        if (radius > 0)
        {
            Attribute("rx", radius);
        }

        Attribute("stroke", stroke);
        Attribute("fill", fill);
        Attribute("style", style);
        if (tooltip is null)
        {
            CloseEmpty();
            return;
        }

        _body.Append("><title>").Append(Escape(tooltip)).Append("</title>");
        Close("rect");
    }

    /// <summary>A straight line between two points.</summary>
    public void Line(double x1, double y1, double x2, double y2, string @class, string? stroke = null)
    {
        Open("line", @class);
        Attribute("x1", x1);
        Attribute("x2", x2);
        Attribute("y1", y1);
        Attribute("y2", y2);
        Attribute("stroke", stroke);
        CloseEmpty();
    }

    /// <summary>
    /// A path: <paramref name="data"/> is what the attribute <c>d</c> says, made with <see cref="Number"/>.
    /// </summary>
    public void Path(string data, string @class, string? stroke = null)
    {
        Open("path", @class);
        Attribute("stroke", stroke);
        Attribute("d", data);
        CloseEmpty();
    }

    /// <summary>A text; <paramref name="y"/> is its base line.</summary>
    public void Text(
        double x,
        double y,
        string text,
        string? @class = null,
        TextAnchor anchor = TextAnchor.Start,
        string? style = null)
    {
        Open("text", @class);
        Attribute("x", x);
        Attribute("y", y);
        Anchor(anchor);
        Attribute("style", style);
        _body.Append('>').Append(Escape(text));
        Close("text");
    }

    /// <summary>A text of several parts that follow each other.</summary>
    public void Text(double x, double y, IEnumerable<TextSpan> spans)
    {
        Open("text", null);
        Attribute("x", x);
        Attribute("y", y);
        _body.Append('>');
        foreach (var (text, @class, style) in spans)
        {
            if (@class is null && style is null)
            {
                _body.Append(Escape(text));
                continue;
            }

            _body.Append("<tspan");
            Attribute("class", @class);
            Attribute("style", style);
            _body.Append('>').Append(Escape(text)).Append("</tspan>");
        }

        Close("text");
    }

    /// <summary>
    /// A text in the middle of (<paramref name="x"/>, <paramref name="y"/>) that is read from bottom to top.
    /// </summary>
    public void VerticalText(double x, double y, string text)
    {
        Open("text", null);
        Attribute("transform", $"translate({Number(x)} {Number(y)}) rotate(-90)");
        Anchor(TextAnchor.Middle);
        _body.Append('>').Append(Escape(text));
        Close("text");
    }

    /// <summary>Begins a group, which <see cref="EndGroup"/> ends, with attributes of any name.</summary>
    public void BeginGroup(string @class, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        Open("g", @class);
        foreach (var (name, value) in attributes)
        {
            Attribute(name, value);
        }

        _body.Append('>');
        _depth++;
    }

    /// <summary>Ends the group that was begun last.</summary>
    public void EndGroup()
    {
        _depth--;
        Close("g");
    }

    /// <summary>The whole drawing: what was written so far on a sheet of the class <c>paper</c>.</summary>
    /// <param name="width">Width of the drawing.</param>
    /// <param name="height">Height of the drawing.</param>
    /// <param name="label">What a screen reader says.</param>
    /// <param name="style">The CSS style sheet.</param>
    public string ToDocument(double width, double height, string label, string style)
    {
        var (w, h) = (Number(Math.Ceiling(width)), Number(Math.Ceiling(height)));
        var sheet = new Svg();
        sheet.Rect(0.5, 0.5, Math.Ceiling(width) - 1, Math.Ceiling(height) - 1, "paper", radius: 6);
        return $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\""
            + $" role=\"img\" aria-label=\"{Escape(label)}\">\n"
            + $"<style>\n{style.Trim()}\n</style>\n{sheet._body}{_body}</svg>\n";
    }

    /// <summary>A number as SVG has it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is infinite or not a number.</exception>
    public static string Number(double value)
    {
        if (!double.IsFinite(value))
        {
            throw new ArgumentOutOfRangeException(nameof(value), value, "A drawing has finite numbers alone.");
        }

        var text = value.ToString("0.##", CultureInfo.InvariantCulture);
        return text == "-0" ? "0" : text;
    }

    /// <summary>A text as XML has it; characters that XML does not know become U+FFFD.</summary>
    public static string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '&':
                    escaped.Append("&amp;");
                    break;
                case '<':
                    escaped.Append("&lt;");
                    break;
                case '>':
                    escaped.Append("&gt;");
                    break;
                case '"':
                    escaped.Append("&quot;");
                    break;
                case var high when char.IsHighSurrogate(high)
                    && i + 1 < text.Length
                    && char.IsLowSurrogate(text[i + 1]):
                    escaped.Append(high).Append(text[++i]);
                    break;
                case var other:
                    escaped.Append(XmlConvert.IsXmlChar(other) ? other : '\uFFFD');
                    break;
            }
        }

        return escaped.ToString();
    }

    private void Open(string element, string? @class)
    {
        _body.Append('<').Append(element);
        Attribute("class", @class);
    }

    private void Attribute(string name, double value) =>
        _body.Append(' ').Append(name).Append("=\"").Append(Number(value)).Append('"');

    private void Attribute(string name, string? value)
    {
        if (value is not null)
        {
            _body.Append(' ').Append(name).Append("=\"").Append(Escape(value)).Append('"');
        }
    }

    private void Anchor(TextAnchor anchor) =>
        Attribute("text-anchor", anchor switch { TextAnchor.Middle => "middle", TextAnchor.End => "end", _ => null });

    private void CloseEmpty()
    {
        _body.Append("/>");
        EndElement();
    }

    private void Close(string element)
    {
        _body.Append("</").Append(element).Append('>');
        EndElement();
    }

    private void EndElement()
    {
        if (_depth == 0)
        {
            _body.Append('\n');
        }
    }
}
