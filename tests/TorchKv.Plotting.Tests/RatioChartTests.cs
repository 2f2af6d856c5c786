using System.Globalization;
using System.Xml.Linq;

namespace TorchKv.Plotting.Tests;

public class RatioChartTests
{
    private static List<XElement> Elements(RatioChart chart, string name, string? @class = null) =>
        [
            .. XDocument.Parse(chart.ToSvg()).Descendants()
                .Where(element => element.Name.LocalName == name)
                .Where(element => @class is null || element.Attribute("class")?.Value == @class),
        ];

    private static double Number(XElement element, string name) =>
        double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);

    private static RatioChart Chart(params RatioBar[] bars) => new("t", "s", [new RatioGroup("", bars)]);

    [Fact]
    public void TwiceAsGoodAndHalfAsGoodAreEquallyLong()
    {
        var chart = Chart(
            new RatioBar("a", 2, "2.00") { Tone = BarTone.Good },
            new RatioBar("b", 0.5, "0.50") { Tone = BarTone.Poor });
        var (good, poor) = (Elements(chart, "rect", "good").Single(), Elements(chart, "rect", "poor").Single());
        Assert.Equal(Number(good, "width"), Number(poor, "width"), 1);
        Assert.Equal(Number(good, "x"), Number(poor, "x") + Number(poor, "width"), 1);
    }

    [Fact]
    public void EveryBarHasItsLabelAndItsFigures()
    {
        var chart = new RatioChart(
            "Title", "how", [new RatioGroup("Group <1>", [new RatioBar("decode", 3, "3.00") { Detail = "60 : 20" }])]);
        var texts = Elements(chart, "text").Select(element => element.Value).ToList();
        Assert.Superset(
            new HashSet<string> { "Title", "how", "Group <1>", "decode", "3.00  60 : 20" }, texts.ToHashSet());
    }

    [Fact]
    public void AWantedRatioIsMarkedOnce()
    {
        Assert.Single(Elements(Chart(new RatioBar("a", 2, "2") { Wanted = 1.5 }), "path", "wanted"));
        Assert.Empty(Elements(Chart(new RatioBar("a", 2, "2")), "path", "wanted"));
    }

    [Theory]
    [InlineData(double.NaN, 0)]
    [InlineData(double.PositiveInfinity, 1)]
    [InlineData(0, 1)]
    [InlineData(1, 1)]
    public void ARatioThatNoAxisHoldsIsStillADrawing(double ratio, int bars) =>
        Assert.Equal(bars, Elements(Chart(new RatioBar("a", ratio, "?")), "rect", "plain").Count);

    [Fact]
    public void AChartWithoutBarsIsStillADrawing() =>
        Assert.Contains("t", Elements(Chart(), "text").Select(element => element.Value));
}
