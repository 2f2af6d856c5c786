using System.Xml.Linq;
using TorchKv.Cli.Plotting;

namespace TorchKv.Cli.Tests;

public class LineChartTests
{
    [Fact]
    public void TheDrawingIsWellFormedAndNamesWhatItShows()
    {
        var chart = new LineChart("Time <per> \"token\" & more", "position", "ms", [new ChartSeries("none", [(0, 1), (10, 12)]), new ChartSeries("static", [(0, 1), (10, 1.5)])]);
        var svg = XDocument.Parse(chart.ToSvg());
        var texts = svg.Descendants().Where(element => element.Name.LocalName == "text").Select(element => element.Value).ToList();
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
        var path = XDocument.Parse(svg).Descendants().Single(element => element.Name.LocalName == "path").Attribute("d")!.Value;
        Assert.Equal(2, path.Count(character => character == 'M'));
        Assert.DoesNotContain("NaN", svg);
    }

    [Fact]
    public void AChartWithoutPointsIsStillADrawing() => XDocument.Parse(new LineChart("t", "x", "y", []).ToSvg());

    [Theory]
    [InlineData(0, 100, new double[] { 0, 20, 40, 60, 80, 100 })]
    [InlineData(0, 0.03, new[] { 0, 0.01, 0.02, 0.03 })]
    [InlineData(3, 9, new double[] { 2, 4, 6, 8, 10 })]
    public void TicksAreRoundNumbersAroundTheRange(double min, double max, double[] expected)
    {
        var ticks = LineChart.Ticks(min, max, 5);
        Assert.Equal(expected.Length, ticks.Length);
        Assert.All(expected.Zip(ticks), pair => Assert.Equal(pair.First, pair.Second, 9));
    }
}
