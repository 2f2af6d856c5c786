using CsCheck;
using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Report;
using TorchKv.PortChecking.Traces;
using TorchKv.Runtime.Checkpoints;

namespace TorchKv.PortChecking.Tests;

/// <summary>The comparison on plain numbers: no tensor, no libtorch.</summary>
public class PortCheckerTests
{
    [Fact]
    public void TheFirstInExecutionOrderIsNamedNotItsParent()
    {
        var report = Compare(
            [Layer("000.a.x", 1), Layer("000.a", 2), Layer("000.b", 3)],
            [Layer("000.a.x", 9), Layer("000.a", 8), Layer("000.b", 7)]);

        Assert.Equal("000.a.x", report.First);
        Assert.Equal([false, false, false], report.Modules.Select(module => module.Within));
    }

    [Fact]
    public void AModuleWhosePartsAreRightIsItselfToBlame()
    {
        var report = Compare([Layer("000.a.x", 1), Layer("000.a", 2)], [Layer("000.a.x", 1), Layer("000.a", 8)]);

        Assert.Equal("000.a", report.First);
        Assert.Contains("own forward", report.LooksLike);
    }

    [Fact]
    public void BoundsGrowWithDepthAndDependOnTheOriginalsType()
    {
        var options = PortCheckOptions.Default;

        Assert.Equal(1e-5, options.Bound(TensorDType.Float32, 0), 1e-12);
        Assert.Equal(3e-5, options.Bound(TensorDType.Float32, 32), 1e-12);
        Assert.True(options.Bound(TensorDType.BFloat16, 0) > options.Bound(TensorDType.Float16, 0));
        Assert.True(options.Bound(TensorDType.Float16, 0) > options.Bound(TensorDType.Float32, 0));
        Assert.Equal(0.5, new PortCheckOptions { Tolerance = 0.5 }.Bound(TensorDType.Float32, 0));
    }

    [Fact]
    public void RoundingOfAHalfFloatOriginalIsNoDifference()
    {
        var port = Layer("000.a", 1);
        foreach (var type in new[] { TensorDType.Float16, TensorDType.BFloat16 })
        {
            Func<float, float> round = type == TensorDType.Float16 ? value => (float)(Half)value : ToBFloat16;
            var original = port with { DType = type, Values = [.. port.Values.Select(round)] };

            Assert.True(Compare([original], [port]).Same);
            Assert.False(Compare([port], [original with { DType = TensorDType.Float32 }]).Same);
        }
    }

    [Fact]
    public void AMissingModuleDoesNotMatterBeforeARightOne()
    {
        var report = Compare(
            [Layer("000.a", 1), Layer("000.drop", 2), Layer("000.logits", 3)],
            [Layer("000.a", 1), Layer("000.logits", 3), Layer("000.own", 4)]);

        Assert.True(report.Same);
        Assert.Equal(["000.own"], report.Extra);
        Assert.Contains(report.Notes, note => note.Contains("000.drop", StringComparison.Ordinal));
    }

    [Fact]
    public void AModuleMissingAtTheEndIsADifference()
    {
        var report = Compare([Layer("000.a", 1), Layer("000.b", 2)], [Layer("000.a", 1)]);

        Assert.False(report.Same);
        Assert.Equal("000.b", report.First);
        Assert.Equal(ResemblanceKind.Missing, report.Kind);
    }

    [Fact]
    public void NothingInCommonIsADifference()
    {
        var options = new PortCheckOptions { Mapping = ModuleMapping.Parse("{}") };

        var report = PortChecker.Compare(Trace([Layer("000.a", 1)]), Trace([Layer("000.b", 1)]), options);

        Assert.False(report.Same);
        Assert.Equal(ResemblanceKind.Missing, report.Kind);
    }

    [Fact]
    public void ComparingChangesNeitherTrace()
    {
        var original = Trace([Layer("000.a", 1)]);
        var port = RecordedTrace.FromActivations(
            [Layer("000.a", 2)],
            new Dictionary<string, string>
            {
                ["config"] = """{"n_heads":3,"emb_dim":24}""",
                ["modules"] = """{"a":{"type":"Linear"}}""",
            });

        Assert.False(PortChecker.Compare(original, port).Same);

        Assert.Null(original.Facts.Heads);
        Assert.Empty(original.Facts.Types);
        Assert.Equal(8, port.Facts.HeadDim);
    }

    [Fact]
    public void ModulesOfNestedSequencesArePairedByShape()
    {
        var report = Compare([Layer("000.0.0", 1), Layer("000.0.1", 2)], [Layer("000.1.0", 1), Layer("000.1.1", 2)]);

        Assert.True(report.Same);
        Assert.NotNull(report.ProposedMapping);
    }

    [Fact]
    public void ALeadingDimensionOfOneIsNoDifference()
    {
        var a = Layer("000.pos_emb", 1);

        Assert.True(Compare([a], [a with { Shape = [1, .. a.Shape] }]).Same);
    }

    [Fact]
    public void WhatAllBatchRowsShareMayBeComputedOnce()
    {
        var one = Layer("000.pos_emb", 1) with { Shape = [1, 6, 24] };
        var two = one with { Shape = [2, 6, 24], Values = [.. one.Values, .. one.Values] };
        var other = two with { Values = [.. one.Values, .. Layer("000.pos_emb", 2).Values] };

        Assert.True(Compare([one], [two]).Same);
        Assert.True(Compare([two], [one]).Same);
        Assert.False(Compare([one], [other]).Same);
        Assert.False(Compare([other], [one]).Same);
    }

    [Fact]
    public void ABoundIsThatOfTheLessPreciseSide()
    {
        var single = Layer("000.a", 1);
        var twice = single with { DType = TensorDType.Float64 };
        var close = twice with { Values = [.. single.Values.Select(value => value * (1 + 2e-6f))] };

        Assert.True(Compare([close], [single]).Same);
        Assert.True(Compare([single], [close]).Same);
        Assert.False(Compare([close], [twice]).Same);
    }

    [Fact]
    public void ShapesThatDifferAreShown()
    {
        var report = Compare([Layer("000.a", 1)], [Layer("000.a", 1, 4, 8)]);

        Assert.Equal(ResemblanceKind.Shape, report.Kind);
        Assert.Contains("(4, 8) where the original has (6, 24)", report.LooksLike);
        Assert.Equal(ResemblanceKind.Transposed, Compare([Layer("000.a", 1, 4, 8)], [Layer("000.a", 1, 8, 4)]).Kind);
    }

    [Fact]
    public void InfinityIsADifferenceOnlyOnOneSide()
    {
        var a = Layer("000.scores", 1);
        a.Values[3] = float.NegativeInfinity;
        var b = Layer("000.scores", 1);

        Assert.True(Compare([a], [a with { Values = [.. a.Values] }]).Same);
        Assert.Equal(ResemblanceKind.NotANumber, Compare([b], [a]).Kind);
        Assert.True(double.IsNaN(Compare([b], [a]).Modules[0].MaxAbs));
    }

    [Fact]
    public void SmallNoiseWithoutAPatternIsRoundingLargeIsNot()
    {
        var a = Layer("000.tok", 1, 12, 48);
        var random = new Random(5);
        var small = a with { Values = [.. a.Values.Select(v => v + (float)((random.NextDouble() - 0.5) * 0.003))] };
        var large = a with { Values = [.. a.Values.Select(v => v + (float)((random.NextDouble() - 0.5) * 0.8))] };

        Assert.Equal(ResemblanceKind.Rounding, Compare([a], [small]).Kind);
        Assert.Equal(ResemblanceKind.Unclear, Compare([a], [large]).Kind);
        Assert.StartsWith("unclear", Compare([a], [large]).LooksLike);
    }

    [Fact]
    public void AnyFactorIsFound() => Gen.Double[0.05, 20].Where(c => Math.Abs(c - 1) > 0.01).Sample(
        c =>
        {
            var a = Layer("000.a", 1);
            var report = Compare([a], [a with { Values = [.. a.Values.Select(v => (float)(v * c))] }]);
            Assert.Equal(ResemblanceKind.ConstantFactor, report.Kind);
            var told = report.LooksLike!.Split("the port is ")[1].Split(' ')[0];
            Assert.Equal(c, double.Parse(told, System.Globalization.CultureInfo.InvariantCulture), 1e-3 * c);
        },
        iter: 50, seed: "aEVZK8w8-ry2");

    [Fact]
    public void AnyShiftOfRowsIsFound() => Gen.Select(Gen.Int[-9, 9].Where(n => n != 0), Gen.Int[0, 1]).Sample(
        (n, batches) =>
        {
            var table = Layer("000.a", 1, 40, 24);
            var report = Compare([Rows(0)], [Rows(n)]);
            Assert.Equal(ResemblanceKind.Positions, report.Kind);
            Assert.Contains(Math.Abs(n) == 1 ? "shifted by one" : $"shifted by {Math.Abs(n)}", report.LooksLike);

            Activation Rows(int shift) => new(
                new(0, "a"),
                [batches + 1, 16, 24],
                TensorDType.Float32,
                [.. Enumerable.Range(10 + shift, batches + 1)
                    .SelectMany(row => table.Values.Skip(row * 24).Take(16 * 24))]);
        },
        iter: 50, seed: "aEVZK8w8-ry2");

    [Fact]
    public void AnyOrderOfColumnsIsFound()
    {
        var a = Layer("000.a", 1);
        var orders = Gen.Shuffle(Enumerable.Range(0, 24).ToArray()).Where(order => order.Where((c, i) => c != i).Any());
        orders.Sample(
            order =>
            {
                float[] values = [.. a.Values.Chunk(24).SelectMany(row => order.Select(from => row[from]))];
                var report = Compare([a], [a with { Values = values }]);
                Assert.True(report.Kind is ResemblanceKind.ColumnsPermuted or ResemblanceKind.Heads, report.LooksLike);
            },
            iter: 50, seed: "aEVZK8w8-ry2");
    }

    [Fact]
    public void RowsOfABatchInAnotherOrderAreFound()
    {
        var a = Layer("000.a", 1, 6, 24) with { Shape = [3, 2, 24] };
        var turned = a with { Values = [.. a.Values[96..], .. a.Values[..96]] };

        Assert.Equal(ResemblanceKind.RowsPermuted, Compare([a], [turned]).Kind);
    }

    [Fact]
    public void LeftPaddedRowsHaveTheirOwnPositionsShiftedOnly()
    {
        var table = Layer("000.a", 1, 40, 24);
        float[] Row(int from) => [.. table.Values.Skip(from * 24).Take(8 * 24)];
        Activation Positions(int second) =>
            new(new(0, "pos_emb"), [2, 8, 24], TensorDType.Float32, [.. Row(0), .. Row(second)]);

        // The row's first tokens are padding, so its positions should begin later.
        var report = Compare([Positions(0)], [Positions(3)]);

        Assert.Equal(ResemblanceKind.Positions, report.Kind);
        Assert.Contains("batch rows 1 only", report.LooksLike);
    }

    [Theory]
    [InlineData(1, 5, ResemblanceKind.ConstantFactor, "attention scale")]
    [InlineData(0, 4, ResemblanceKind.Mask, "later keys are visible")]
    [InlineData(4, 5, ResemblanceKind.Mask, "a window of 4")]
    public void WhichPositionsAreWrongTellsWhatAttentionSaw(int from, int to, ResemblanceKind kind, string words)
    {
        // An attention's output, whose weights were not recorded: a model with fused attention.
        var a = Layer("000.h.0.attn", 1) with { Shape = [1, 6, 24] };
        var random = new Random(3);
        var wrong = a with
        {
            Values = [.. a.Values.Select((v, i) =>
                i / 24 >= from && i / 24 <= to ? (v * 0.9f) + (float)(random.NextDouble() * 0.2) : v)],
        };

        var report = Compare([a], [wrong]);

        Assert.Equal(kind, report.Kind);
        Assert.Contains(words, report.LooksLike);
    }

    private static PortCheckReport Compare(Activation[] original, Activation[] port) =>
        PortChecker.Compare(Trace(original), Trace(port));

    private static RecordedTrace Trace(Activation[] activations) => RecordedTrace.FromActivations(activations);

    private static Activation Layer(string key, int seed, int rows = 6, int columns = 24)
    {
        var random = new Random(seed);
        var values = new float[rows * columns];
        for (var i = 0; i < values.Length; i++)
        {
            // About normal: the sum of four uniform numbers.
            var sum = random.NextDouble() + random.NextDouble() - random.NextDouble() - random.NextDouble();
            values[i] = (float)(sum * 1.5);
        }

        return new(TraceKey.TryParse(key)!, [rows, columns], TensorDType.Float32, values);
    }

    private static float ToBFloat16(float value) =>
        BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(value) + 0x8000) & 0xFFFF0000);
}
