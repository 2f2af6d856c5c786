namespace TorchKv.Architecture.Tests;

public sealed class FloorTests
{
    private static readonly CodeArrows Code = CodeArrows.Of(
        "TorchKv.Runtime",
        "TorchKv",
        "TorchKv.Plotting",
        "TorchKv.Cluster",
        "TorchKv.Router",
        "TorchKv.Simulation",
        "TorchKv.Structured",
        "TorchKv.PortChecker",
        "TorchKv.Extensions.AI",
        "TorchKv.Server",
        "TorchKv.Router",
        "TorchKv.Batch",
        "TorchKv.Cli",
        "TorchKv.Benchmarks.Measuring",
        "TorchKv.Benchmarks",
        "TorchKv.Benchmarks.Peers");

    [Fact]
    public void EveryNamespaceHasAFloor() => Assert.Equal(FloorTable.Arrows.Keys.Order(), Code.Namespaces);

    [Fact]
    public void CodeUsesNoFloorThatTheTableForbids()
    {
        var forbidden = Code.Examples
            .Where(arrow => !FloorTable.Arrows.GetValueOrDefault(arrow.Key.From, new HashSet<string>()).Contains(arrow.Key.To))
            .Select(arrow => $"{arrow.Key.From} → {arrow.Key.To}: {arrow.Value}");
        Mistakes.AssertNone(forbidden);
    }

    [Fact]
    public void EveryAllowedArrowIsUsed()
    {
        var unused = FloorTable.Arrows
            .SelectMany(floor => floor.Value.Select(to => (From: floor.Key, To: to)))
            .Where(arrow => !Code.Examples.ContainsKey(arrow))
            .Select(arrow => $"{arrow.From} → {arrow.To}");
        Mistakes.AssertNone(unused);
    }

    [Fact]
    public void TheTableHasNoCircle()
    {
        // Floors whose floors are all placed are placed next; what is left in the end lies on a circle, or above one.
        var left = FloorTable.Arrows.ToDictionary(floor => floor.Key, floor => floor.Value);
        while (left.FirstOrDefault(floor => !floor.Value.Any(left.ContainsKey)) is { Key: not null } placed)
        {
            left.Remove(placed.Key);
        }

        Assert.Empty(left.Keys);
    }
}
