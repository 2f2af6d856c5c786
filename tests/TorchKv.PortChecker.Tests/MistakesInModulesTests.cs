using TorchKv.PortChecking.Findings;
using static TorchSharp.torch;

namespace TorchKv.PortChecking.Tests;

/// <summary>Mistakes planted in TorchSharp modules, against the traces that PyTorch made of the right model.</summary>
[Collection(nameof(TorchGenerator))]
public class MistakesInModulesTests
{
    public static TheoryData<string, string, ResemblanceKind, string> Mistakes => new()
    {
        {
            nameof(ScaleMissing), "000.trf_blocks.0.att.dropout", ResemblanceKind.ConstantFactor,
            "attention scale|√head_dim = √8"
        },
        {
            nameof(ScaleByLayer), "000.trf_blocks.1.att.dropout", ResemblanceKind.ConstantFactor,
            "attention scale|layer index + 1"
        },
        {
            nameof(QueriesScaledTwice), "000.trf_blocks.0.att.dropout", ResemblanceKind.ConstantFactor,
            "attention scale|1 ÷ (√head_dim"
        },
        { nameof(GeluByErf), "000.trf_blocks.0.ff.layers.1", ResemblanceKind.Approximation, "erf|tanh" },
        { nameof(PositionsRestart), "001.pos_emb", ResemblanceKind.Positions, "shifted by 6|begin at 0 again" },
        { nameof(PositionsFromOne), "000.pos_emb", ResemblanceKind.Positions, "rows are shifted by one (positions)" },
        { nameof(NoMask), "000.trf_blocks.0.att.dropout", ResemblanceKind.Mask, "later keys are visible" },
        { nameof(MaskTopLeft), "001.trf_blocks.0.att.dropout", ResemblanceKind.Mask, "aligned top-left" },
        {
            nameof(CausalFlagOnAWarmCache), "001.trf_blocks.0.att.out_proj", ResemblanceKind.Mask,
            "earlier keys are lost|top-left|mask"
        },
        {
            nameof(FusedWithoutScale), "000.trf_blocks.0.att.out_proj", ResemblanceKind.ConstantFactor,
            "attention scale"
        },
        { nameof(FusedWithoutMask), "000.trf_blocks.0.att.out_proj", ResemblanceKind.Mask, "later keys are visible" },
        { nameof(LengthReadAfterLayer0), "001.trf_blocks.1.att.dropout", ResemblanceKind.Mask, "mask" },
        {
            nameof(WindowOfFive), "000.trf_blocks.0.att.dropout", ResemblanceKind.Mask,
            "earlier keys are lost|a window of 5"
        },
        {
            nameof(PaddingRowSeesNothing), "000.trf_blocks.0.att.dropout", ResemblanceKind.NotANumber,
            "NaN in the port"
        },
        { nameof(NewKeysFirst), "001.trf_blocks.0.att.dropout", ResemblanceKind.Cache, "another order|cache" },
        { nameof(CacheNotUsed), "001.trf_blocks.0.att.dropout", ResemblanceKind.Cache, "the cache is not used" },
        { nameof(CacheNotReset), "000.trf_blocks.0.att.dropout", ResemblanceKind.Cache, "attends to 8 keys|not reset" },
        {
            nameof(SlotsNeverWritten), "001.trf_blocks.0.att.dropout", ResemblanceKind.Cache,
            "slots that were never written"
        },
        {
            nameof(LayersShareACache), "001.trf_blocks.1.att.dropout", ResemblanceKind.Cache,
            "two layers share a cache|trf_blocks.0.att.W_key"
        },
        { nameof(TailForgotten), "001.trf_blocks.0.att.dropout", ResemblanceKind.Cache, "fewer keys|cache" },
        { nameof(HeadsPermuted), "000.trf_blocks.0.att.W_value", ResemblanceKind.Heads, "heads are permuted" },
        {
            nameof(SplitWithoutTranspose), "000.trf_blocks.0.att.dropout", ResemblanceKind.Heads,
            "without the transpose"
        },
        {
            nameof(JoinWithoutTranspose), "000.trf_blocks.0.att.out_proj", ResemblanceKind.Heads,
            "heads and positions are transposed"
        },
        { nameof(WeightTransposed), "000.trf_blocks.0.att.W_query", ResemblanceKind.Transposed, "a transposed weight" },
        { nameof(BiasForgotten), "000.trf_blocks.1.ff.layers.2", ResemblanceKind.Bias, "bias" },
        { nameof(UnbiasedVariance), "000.trf_blocks.0.norm1", ResemblanceKind.ConstantFactor, "unbiased" },
        { nameof(ShortcutForgotten), "000.trf_blocks.0", ResemblanceKind.Residual, "residual connection (shortcut)" },
        { nameof(ShortcutFromTheNorm), "000.trf_blocks.0.norm2", ResemblanceKind.Residual, "norm1|shortcut" },
        { nameof(WeightsOfAnotherSeed), "000.tok_emb", ResemblanceKind.Weights, "other weights" },
        { nameof(OneWeightOfAnotherSeed), "000.trf_blocks.1.att.W_key", ResemblanceKind.Weights, "other weights" },
        { nameof(WeightsInBFloat16), "000.tok_emb", ResemblanceKind.Rounding, "mere rounding|bfloat16" },
        { nameof(CacheInFloat16), "001.trf_blocks.0.att.dropout", ResemblanceKind.Rounding, "mere rounding|cache" },
        { nameof(TrainingMode), "000.drop_emb", ResemblanceKind.Dropout, "dropout is on in the port" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void AMistakeInAModuleIsFoundAndNamed(string mistake, string first, ResemblanceKind kind, string words)
    {
        var type = GetType().GetNestedType(mistake, System.Reflection.BindingFlags.NonPublic)!;
        var fault = (Fault)Activator.CreateInstance(type)!;
        var isOfChunks = mistake is nameof(MaskTopLeft) or nameof(LengthReadAfterLayer0);
        using var original = MistakesInTracesTests.Open(isOfChunks ? "right-in-chunks" : "right");
        using var model = FaultyModel.Build(fault, mistake == nameof(WeightsOfAnotherSeed) ? 5 : 123);

        var report = PortChecker.Compare(original, model, step => model.call(step.ToTensor(), true));

        MistakesInTracesTests.Check(report, first, kind, words);
    }

    [Fact]
    public void TheRightModelEqualsPyTorchsWithAnyCut()
    {
        foreach (var trace in new[] { "right", "right-in-chunks", "right-of-two-rows" })
        {
            using var original = MistakesInTracesTests.Open(trace);
            using var model = FaultyModel.Build(new Fault());

            PortChecker.Compare(original, model, step => model.call(step.ToTensor(), true)).AssertSame();
        }
    }

    [Fact]
    public void FusedAttentionWithAnEndAlignedMaskIsTheSame()
    {
        foreach (var trace in new[] { "right", "right-in-chunks" })
        {
            using var original = MistakesInTracesTests.Open(trace);
            using var model = FaultyModel.Build(new MaskAlignedToTheEnd());

            PortChecker.Compare(original, model, step => model.call(step.ToTensor(), true)).AssertSame();
        }
    }

    private sealed class MaskAlignedToTheEnd : Fault
    {
        public override Tensor? Fused(Tensor queries, Tensor keys, Tensor values)
        {
            var past = keys.size(2) - queries.size(2);
            var mask = ones(queries.size(2), keys.size(2), dtype: ScalarType.Bool).tril(past);
            return nn.functional.scaled_dot_product_attention(queries, keys, values, attn_mask: mask);
        }
    }

    private sealed class ScaleMissing : Fault
    {
        public override double Scale(int layer, long headDim) => 1;
    }

    private sealed class ScaleByLayer : Fault
    {
        public override double Scale(int layer, long headDim) => base.Scale(layer, headDim) / (layer + 1);
    }

    private sealed class QueriesScaledTwice : Fault
    {
        public override Tensor Output(string module, Tensor x) => module == "query" ? x / Math.Sqrt(8) : x;
    }

    private sealed class GeluByErf : Fault
    {
        public override Tensor Activation(int layer, Tensor x) => nn.functional.gelu(x);
    }

    private sealed class PositionsRestart : Fault
    {
        public override Tensor Positions(long start, long count) => base.Positions(0, count);
    }

    private sealed class PositionsFromOne : Fault
    {
        public override Tensor Positions(long start, long count) => base.Positions(start + 1, count);
    }

    private sealed class NoMask : Fault
    {
        public override Tensor Hidden(int layer, long past, long count, long keys) =>
            zeros(count, keys, dtype: ScalarType.Bool);
    }

    private class MaskTopLeft : Fault
    {
        public override Tensor Hidden(int layer, long past, long count, long keys) =>
            arange(keys, dtype: ScalarType.Int64).unsqueeze(0) > arange(count, dtype: ScalarType.Int64).unsqueeze(1);
    }

    private sealed class CausalFlagOnAWarmCache : Fault
    {
        public override Tensor? Fused(Tensor queries, Tensor keys, Tensor values) =>
            nn.functional.scaled_dot_product_attention(queries, keys, values, is_casual: true);
    }

    private sealed class FusedWithoutScale : Fault
    {
        public override Tensor? Fused(Tensor queries, Tensor keys, Tensor values)
        {
            var scores = matmul(queries, keys.transpose(2, 3));
            var hidden = Hidden(0, 0, queries.size(2), keys.size(2));
            return matmul(softmax(scores.masked_fill(hidden, double.NegativeInfinity), -1), values);
        }
    }

    private sealed class FusedWithoutMask : Fault
    {
        public override Tensor? Fused(Tensor queries, Tensor keys, Tensor values) =>
            nn.functional.scaled_dot_product_attention(queries, keys, values);
    }

    private sealed class LengthReadAfterLayer0 : Fault
    {
        // Layer 1 takes the length that layer 0 has advanced for the past, and lets each query see too much.
        public override Tensor Hidden(int layer, long past, long count, long keys) =>
            layer == 0 || past == 0 ? base.Hidden(layer, past, count, keys)
                : arange(keys, dtype: ScalarType.Int64).unsqueeze(0)
                    > (arange(count, dtype: ScalarType.Int64) + past + count).unsqueeze(1);
    }

    private sealed class WindowOfFive : Fault
    {
        public override Tensor Hidden(int layer, long past, long count, long keys)
        {
            var key = arange(keys, dtype: ScalarType.Int64).unsqueeze(0);
            var own = (arange(count, dtype: ScalarType.Int64) + (keys - count)).unsqueeze(1);
            return base.Hidden(layer, past, count, keys).logical_or(key <= own - 5);
        }
    }

    private sealed class PaddingRowSeesNothing : Fault
    {
        public override Tensor Hidden(int layer, long past, long count, long keys) => past > 0
            ? base.Hidden(layer, past, count, keys)
            : cat(
                [ones(1, keys, dtype: ScalarType.Bool), base.Hidden(layer, past, count, keys).narrow(0, 1, count - 1)],
                0);
    }

    private sealed class NewKeysFirst : Fault
    {
        public override Tensor Cached(int layer, bool keys, Tensor? cache, Tensor added) =>
            cache is null ? added : cat([added, cache], 2);

        public override Tensor Hidden(int layer, long past, long count, long keys) =>
            past == 0 ? base.Hidden(layer, past, count, keys) : zeros(count, keys, dtype: ScalarType.Bool);
    }

    private sealed class CacheNotUsed : Fault
    {
        public override Tensor Cached(int layer, bool keys, Tensor? cache, Tensor added) => added;
    }

    private sealed class CacheNotReset : Fault
    {
        public override Tensor Cached(int layer, bool keys, Tensor? cache, Tensor added) =>
            base.Cached(layer, keys, cache ?? zeros(added.size(0), added.size(1), 2, added.size(3)), added);
    }

    private sealed class SlotsNeverWritten : Fault
    {
        public override Tensor Cached(int layer, bool keys, Tensor? cache, Tensor added) =>
            base.Cached(layer, keys, cache is null ? null : zeros_like(cache), added);
    }

    private sealed class LayersShareACache : Fault
    {
        private Tensor? _shared;

        public override Tensor Cached(int layer, bool keys, Tensor? cache, Tensor added)
        {
            if (!keys)
            {
                return base.Cached(layer, keys, cache, added);
            }

            if (layer == 0)
            {
                var all = base.Cached(layer, keys, cache, added);
                _shared = cache?.alias().DetachFromDisposeScope();
                return all;
            }

            return base.Cached(layer, keys, cache is null ? null : _shared, added);
        }
    }

    private sealed class TailForgotten : Fault
    {
        public override Tensor Cached(int layer, bool keys, Tensor? cache, Tensor added) =>
            base.Cached(layer, keys, cache?.narrow(2, 0, cache.size(2) - 2), added);
    }

    private sealed class HeadsPermuted : Fault
    {
        public override void Prepare(FaultyModel model)
        {
            using var noGrad = no_grad();
            var value = model.trf_blocks[0].att.W_value;
            var order = tensor(new long[] { 1, 2, 0 });
            value.weight!.copy_(value.weight.view(3, 8, -1).index_select(0, order).view(24, 24));
            value.bias!.copy_(value.bias.view(3, 8).index_select(0, order).view(24));
        }
    }

    private sealed class SplitWithoutTranspose : Fault
    {
        public override Tensor Split(Tensor x, long heads) => x.view(x.size(0), heads, x.size(1), -1);
    }

    private sealed class JoinWithoutTranspose : Fault
    {
        public override Tensor Join(Tensor x) => x.contiguous().view(x.size(0), x.size(2), -1);
    }

    private sealed class WeightTransposed : Fault
    {
        public override void Prepare(FaultyModel model)
        {
            using var noGrad = no_grad();
            var query = model.trf_blocks[0].att.W_query;
            query.weight!.copy_(query.weight.t().clone());
        }
    }

    private sealed class BiasForgotten : Fault
    {
        public override void Prepare(FaultyModel model)
        {
            using var noGrad = no_grad();
            var (_, last) = model.trf_blocks[1].ff.layers.named_parameters()
                .Last(parameter => parameter.name.EndsWith("bias", StringComparison.Ordinal));
            last.zero_();
        }
    }

    private sealed class UnbiasedVariance : Fault
    {
        public override Tensor Normalise(Tensor x, Tensor scale, Tensor shift)
        {
            var centred = x - x.mean([-1], keepdim: true);
            return scale * centred / (centred.pow(2).sum([-1], keepdim: true) / (x.size(-1) - 1) + 1e-5).sqrt() + shift;
        }
    }

    private sealed class ShortcutForgotten : Fault
    {
        public override Tensor Residual(int layer, bool attention, Tensor shortcut, Tensor x) =>
            attention ? shortcut + x : x;
    }

    private sealed class ShortcutFromTheNorm : Fault
    {
        public override Tensor Residual(int layer, bool attention, Tensor shortcut, Tensor x) =>
            attention && layer == 0 ? base.Normalise(shortcut, ones(24), zeros(24)) + x : shortcut + x;
    }

    private sealed class WeightsOfAnotherSeed : Fault
    {
    }

    private sealed class OneWeightOfAnotherSeed : Fault
    {
        public override void Prepare(FaultyModel model)
        {
            using var noGrad = no_grad();
            model.trf_blocks[1].att.W_key.weight!.copy_(nn.Linear(24, 24).weight);
        }
    }

    private sealed class WeightsInBFloat16 : Fault
    {
        public override void Prepare(FaultyModel model)
        {
            using var noGrad = no_grad();
            foreach (var parameter in model.parameters())
            {
                parameter.copy_(parameter.to(ScalarType.BFloat16).to(ScalarType.Float32));
            }
        }
    }

    private sealed class CacheInFloat16 : Fault
    {
        public override Tensor Cached(int layer, bool keys, Tensor? cache, Tensor added) =>
            base.Cached(layer, keys, cache?.to(ScalarType.Float16).to(ScalarType.Float32), added);
    }

    private sealed class TrainingMode : Fault
    {
        public override void Prepare(FaultyModel model) => model.train();
    }
}
