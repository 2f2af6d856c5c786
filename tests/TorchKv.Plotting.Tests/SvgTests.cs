using System.Globalization;
using System.Xml.Linq;

namespace TorchKv.Plotting.Tests;

public class SvgTests
{
    [Theory]
    [InlineData("a < b & \"c\" > d")]
    [InlineData("emoji \U0001F600")]
    [InlineData("ünïcödé ÷ ≤")]
    public void ATextComesBackFromTheDrawingAsItWas(string text)
    {
        var svg = new Svg();
        svg.Text(1, 2, text);
        var read = XDocument.Parse(svg.ToDocument(10, 10, text, "")).Root!;
        Assert.Equal(text, read.Elements().Single(element => element.Name.LocalName == "text").Value);
        Assert.Equal(text, read.Attribute("aria-label")!.Value);
    }

    [Fact]
    public void CharactersThatXmlLacksAreReplaced()
    {
        Assert.Equal("a\uFFFDb", Svg.Escape("a\0b"));
        Assert.Equal("\uFFFD[31m", Svg.Escape("\u001b[31m"));
        Assert.Equal("x\uFFFD", Svg.Escape("x\uD800"));
        Assert.Equal("\uFFFDy", Svg.Escape("\uDC00y"));
    }

    [Theory]
    [InlineData(1.0, "1")]
    [InlineData(-0.001, "0")]
    [InlineData(2.345, "2.35")]
    [InlineData(1234567.5, "1234567.5")]
    public void NumbersDoNotFollowTheCulture(double value, string expected)
    {
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = new CultureInfo("")
        {
            NumberFormat = { NumberDecimalSeparator = ",", NegativeSign = "~" },
        };
        try
        {
            Assert.Equal(expected, Svg.Number(value));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void NumbersThatAreNotFiniteAreRefused(double value) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Svg.Number(value));

    [Fact]
    public void GroupsHoldWhatIsWrittenBetweenTheirEnds()
    {
        var svg = new Svg();
        svg.BeginGroup("outer", ("data-name", "a & b"));
        svg.Rect(0, 0, 5, 5, tooltip: "inside");
        svg.EndGroup();
        svg.Line(0, 0, 1, 1, "axis");
        var read = XDocument.Parse(svg.ToDocument(10.2, 20, "l", ".a { fill: red; }")).Root!;
        Assert.Equal(["style", "rect", "g", "line"], read.Elements().Select(element => element.Name.LocalName));
        var group = read.Elements().Single(element => element.Name.LocalName == "g");
        Assert.Equal("a & b", group.Attribute("data-name")!.Value);
        Assert.Equal("inside", group.Elements().Single().Elements().Single().Value);
        Assert.Equal("0 0 11 20", read.Attribute("viewBox")!.Value);
    }
}
