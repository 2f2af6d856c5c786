using System.Xml.Linq;

namespace TorchKv.Plotting.Tests;

public class LineChartTests
{
    [Fact]
    public void TheDrawingIsWellFormedAndNamesWhatItShows()
    {
        var chart = new LineChart(
            "Time <per> \"token\" & more",
            "position",
            "ms",
            [new ChartSeries("none", [(0, 1), (10, 12)]), new ChartSeries("static", [(0, 1), (10, 1.5)])]);
        var svg = XDocument.Parse(chart.ToSvg());
        var texts = svg.Descendants()
            .Where(element => element.Name.LocalName == "text")
            .Select(element => element.Value)
            .ToList();
        Assert.Contains("Time <per> \"token\" & more", texts);
        Assert.Contains("position", texts);
        Assert.Contains("ms", texts);
        Assert.Contains("none", texts);
        Assert.Contains("static", texts);
        Assert.Equal(2, svg.Descendants().Count(element => element.Name.LocalName == "path"));
    }

    [Fact]
    public void APointThatIsNotFiniteBreaksTheLine()
    {
        var svg = new LineChart("t", "x", "y", [new ChartSeries("s", [(0, 1), (1, double.NaN), (2, 3)])]).ToSvg();
        var path = XDocument.Parse(svg)
            .Descendants()
            .Single(element => element.Name.LocalName == "path")
            .Attribute("d")!.Value;
        Assert.Equal(2, path.Count(character => character == 'M'));
        Assert.DoesNotContain("NaN", svg);
    }

    [Fact]
    public void AChartWithoutPointsIsStillADrawing()
    {
        var svg = XDocument.Parse(new LineChart("t", "x", "y", []).ToSvg());
        Assert.Contains(svg.Descendants(), element => element.Name.LocalName == "text" && element.Value == "t");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(1e9)]
    public void OnePointAloneHasAnAxisOfSeveralTicks(double value)
    {
        var svg = XDocument.Parse(new LineChart("t", "x", "y", [new ChartSeries("s", [(value, value)])]).ToSvg());
        var ticks = svg.Descendants()
            .Where(element => element.Attribute("class")?.Value == "grid")
            .Select(element => element.Attribute("y1")!.Value)
            .ToList();
        Assert.True(ticks.Count > 1);
        Assert.Equal(ticks.Count, ticks.Distinct().Count());
    }
}
