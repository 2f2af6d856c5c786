using System.Xml.Linq;

namespace TorchKv.Plotting.Tests;

public class HeatMapTests
{
    [Fact]
    public void ACellStandsInItsRowAndColumn()
    {
        var map = new HeatMap(
            "t", "s", ["first", "second"], ["000", "001"], "step", [new HeatMapKey("#112233", "bound")], [
            new HeatMapCell(0, 0, "#000001", "a"),
            new HeatMapCell(1, 0, "#000002", "b") { IsMarked = true },
            new HeatMapCell(1, 1, null, "c"),
        ]);
        var elements = XDocument.Parse(map.ToSvg()).Descendants().ToList();
        var cells = elements.Where(element => element.Elements().Any(child => child.Name.LocalName == "title"))
            .ToDictionary(element => element.Value);
        Assert.Equal(["a", "b", "c"], cells.Keys.Order());
        Assert.Equal(cells["a"].Attribute("x")!.Value, cells["b"].Attribute("x")!.Value);
        Assert.Equal(cells["b"].Attribute("y")!.Value, cells["c"].Attribute("y")!.Value);
        Assert.NotEqual(cells["a"].Attribute("y")!.Value, cells["b"].Attribute("y")!.Value);
        Assert.Equal(("#000001", "none"), (cells["a"].Attribute("fill")!.Value, cells["c"].Attribute("class")!.Value));
        Assert.Equal(
            cells["b"].Attribute("y")!.Value,
            elements.Single(element => element.Attribute("class")?.Value == "first").Attribute("y")!.Value);
    }

    [Fact]
    public void ALongSubtitleIsCutOff()
    {
        var texts = XDocument.Parse(new HeatMap("t", new string('m', 1000), [], [], "step", [], []).ToSvg())
            .Descendants()
            .Select(element => element.Value);
        Assert.Contains(
            texts, text => text.StartsWith("mmm", StringComparison.Ordinal) && text.EndsWith('…') && text.Length < 200);
    }

    [Theory]
    [InlineData(-10, "#000000")]
    [InlineData(0, "#000000")]
    [InlineData(0.5, "#800040")]
    [InlineData(1, "#FF0080")]
    [InlineData(1.5, "#FF8080")]
    [InlineData(99, "#FFFF80")]
    public void ColoursBetweenStopsAreMixed(double position, string expected) =>
        Assert.Equal(expected, new ColorScale((0, 0x000000), (1, 0xFF0080), (2, 0xFFFF80)).At(position));
}
