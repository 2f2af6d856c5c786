using TorchKv.Runtime.Sampling;

namespace TorchKv.Runtime.Tests.Sampling;

[Trait("speed", "fast")]
public class DeterministicMathTests
{
    [Fact]
    public void ExpIsTheExponential()
    {
        var random = new Random(1);
        for (var i = 0; i < 200_000; i++)
        {
            var x = i < 1000 ? (i - 990) * 0.7 : (random.NextDouble() * 1400) - 700;
            var expected = Math.Exp(x);
            Assert.InRange(DeterministicMath.Exp(x) / expected, 1 - 1e-15, 1 + 1e-15);
        }

        Assert.Equal(1, DeterministicMath.Exp(0));
        Assert.Equal(0, DeterministicMath.Exp(double.NegativeInfinity));
        Assert.Equal(0, DeterministicMath.Exp(-708.1));
        Assert.Equal(double.PositiveInfinity, DeterministicMath.Exp(709.5));
        Assert.True(double.IsNaN(DeterministicMath.Exp(double.NaN)));
    }

    [Fact]
    public void LogIsTheLogarithm()
    {
        var random = new Random(2);
        for (var i = 0; i < 200_000; i++)
        {
            var x = Math.Exp((random.NextDouble() * 200) - 100);
            Assert.InRange(DeterministicMath.Log(x) - Math.Log(x), -3e-14, 3e-14);
        }

        Assert.Equal(0, DeterministicMath.Log(1));
        Assert.InRange(DeterministicMath.Log(1 + 1e-10), 0.9999999e-10, 1.0000001e-10);
    }

    [Fact]
    public void PowersOfLengthsAreExactWhereTheyCanBe()
    {
        Assert.Equal(12, DeterministicMath.Power(12, 1));
        Assert.Equal(1, DeterministicMath.Power(12, 0));
        Assert.InRange(DeterministicMath.Power(12, 2), 144 - 1e-12, 144 + 1e-12);
        Assert.InRange(DeterministicMath.Power(7, -0.6), Math.Pow(7, -0.6) - 1e-15, Math.Pow(7, -0.6) + 1e-15);
    }

    [Fact]
    public void VectorsGiveTheBitsOfScalars()
    {
        var random = new Random(3);
        for (var length = 0; length < 40; length++)
        {
            var x = Enumerable.Range(0, length).Select(i => i % 7 == 3 ? float.NegativeInfinity : (float)(-Math.Exp(random.NextDouble() * 8))).ToArray();
            var results = new double[length];
            DeterministicMath.Exp(x, 0.25, results);
            Assert.Equal(x.Select(value => BitConverter.DoubleToInt64Bits(DeterministicMath.Exp(value - 0.25))), results.Select(BitConverter.DoubleToInt64Bits));
        }
    }

    [Fact]
    public void PhiloxGivesItsPublishedAnswers()
    {
        // The known answers of Random123 for philox4x32-10.
        Assert.Equal((0x6627E8D5u, 0xE169C58Du, 0xBC57AC4Cu, 0x9B00DBD8u), Philox.Block((0, 0, 0, 0), (0, 0)));
        Assert.Equal((0x408F276Du, 0x41C83B0Eu, 0xA20BC7C6u, 0x6D5451FDu), Philox.Block((~0u, ~0u, ~0u, ~0u), (~0u, ~0u)));
        Assert.Equal((0xD16CFE09u, 0x94FDCCEBu, 0x5001E420u, 0x24126EA1u), Philox.Block((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)));
    }

    [Fact]
    public void UniformNumbersFillTheUnitInterval()
    {
        var draws = Enumerable.Range(0, 100_000).Select(i => Philox.Uniform(42, (ulong)i)).ToArray();
        Assert.All(draws, u => Assert.InRange(u, 0, 1 - double.Epsilon));
        Assert.True(draws.All(u => u < 1));
        Assert.InRange(draws.Average(), 0.497, 0.503);
        Assert.All(draws.GroupBy(u => (int)(u * 10)), tenth => Assert.InRange(tenth.Count(), 9_700, 10_300));
    }

    [Fact]
    public void SelectionFindsWhereTheSortedSumPasses()
    {
        var random = new Random(4);
        var select = new RadixSelect();
        for (var round = 0; round < 2_000; round++)
        {
            var values = Enumerable.Range(0, random.Next(1, 60)).Select(_ => RandomValue(random)).ToArray();
            var weights = values.Select(_ => (double)random.Next(0, 4)).ToArray();
            var threshold = random.Next(0, 80);
            var below = 0.0;
            var pivot = select.Find(values.Select(RadixSelect.Key).ToArray(), weights, threshold, ref below);

            var (sum, found) = (0.0, values.Max());
            foreach (var group in values.Zip(weights).GroupBy(pair => pair.First + 0f).OrderBy(group => group.Key))
            {
                if (sum + group.Sum(pair => pair.Second) > threshold)
                {
                    found = group.Key;
                    break;
                }

                sum += group.Key == values.Max() ? 0 : group.Sum(pair => pair.Second);
            }

            Assert.Equal(RadixSelect.Key(found), pivot);
            Assert.Equal(sum, below);
        }
    }

    private static float RandomValue(Random random) => random.Next(5) switch
    {
        0 => random.Next(-3, 4),
        1 => -0f,
        2 => float.NegativeInfinity,
        3 => random.NextSingle(),
        _ => (float)((random.NextDouble() - 0.5) * 1e6),
    };
}
