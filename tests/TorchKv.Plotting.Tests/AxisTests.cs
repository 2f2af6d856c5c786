namespace TorchKv.Plotting.Tests;

public class AxisTests
{
    [Theory]
    [InlineData(0, 100, new double[] { 0, 20, 40, 60, 80, 100 })]
    [InlineData(0, 0.03, new[] { 0, 0.01, 0.02, 0.03 })]
    [InlineData(3, 9, new double[] { 2, 4, 6, 8, 10 })]
    public void TicksAreRoundNumbersAroundTheRange(double min, double max, double[] expected)
    {
        var ticks = Axis.RoundNumbers(min, max, 5);
        Assert.Equal(expected.Length, ticks.Length);
        Assert.All(expected.Zip(ticks), pair => Assert.Equal(pair.First, pair.Second, 9));
    }

    [Fact]
    public void ALinearAxisMapsItsEndsToPixelEnds()
    {
        var axis = Axis.Linear(3, 9, 5, 100, 300);
        Assert.Equal((100.0, 200.0, 300.0), (axis.At(2), axis.At(6), axis.At(10)));
    }

    [Fact]
    public void ValuesOutsideAnAxisAreDrawnAtItsEnds()
    {
        var axis = Axis.Linear(0, 10, 5, 400, 0);
        Assert.Equal((400.0, 0.0), (axis.At(-5), axis.At(1e300)));
    }

    [Fact]
    public void ALogarithmicAxisGivesEqualRatiosEqualLengths()
    {
        var axis = Axis.Logarithmic(0.25, 4, 0, 400);
        Assert.Equal(100, axis.At(0.5), 9);
        Assert.Equal(200, axis.At(1), 9);
        Assert.Equal(300, axis.At(2), 9);
        Assert.Equal([0.25, 0.375, 0.5, 0.75, 1, 1.5, 2, 3, 4], axis.Ticks);
    }

    [Fact]
    public void AWideLogarithmicAxisMarksPowersOfTwoAlone() =>
        Assert.Equal([0.125, 0.25, 0.5, 1, 2, 4, 8], Axis.Logarithmic(0.1, 9, 0, 1).Ticks);
}
