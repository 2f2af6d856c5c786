using TorchKv.Models;
using TorchKv.Tests.Caching;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Tests.Models;

/// <summary>
/// The whole forward on the meta device, where a tensor has a shape and no data: arithmetic with a CPU tensor among
/// its inputs, or an operation that reads a value on the host, cannot run there.
/// </summary>
[Trait("speed", "fast")]
public class MetaDeviceTests
{
    private static readonly GPTConfig Cfg = new() { vocab_size = 31, context_length = 64, emb_dim = 16, n_heads = 2, n_layers = 2, qkv_bias = true };

    public static TheoryData<string> Kinds => CacheKinds.Names;

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TheWholeForwardRunsThereWithEveryCache(string kind)
    {
        using var scope = NewDisposeScope();
        using var mode = inference_mode();
        using var model = MetaModel.Make(Cfg);
        model.set_kv_cache(CacheKinds.All[kind]);
        foreach (var eval in new[] { true, false })
        {
            model.train(!eval);
            model.reset_kv_cache();
            Check(model.forward(Ids(3, 5), use_cache: true), 3, 5);
            Check(model.forward(Ids(3, 1), use_cache: true), 3, 1);
            Check(model.forward(Ids(3, 4), use_cache: true), 3, 4);
            Check(model.forward(Ids(3, 2), use_cache: true, attention_mask: Mask(3, 12)), 3, 2);
            Check(model.forward(Ids(3, 1), use_cache: true, attention_mask: Mask(3, 13), logits_to_keep: 1), 3, 1);
            for (var t = 13; t < 20; t++)
            {
                Check(model.forward(Ids(3, 1), use_cache: true), 3, 1);
            }

            model.reorder_kv_cache(2, 1, 0);
            model.select_kv_cache_rows(1, 2);
            model.repeat_kv_cache_rows(2);
            model.crop_kv_cache(19);
            Check(model.forward(Ids(4, 3), use_cache: true), 4, 3);
            Assert.Equal(22, model.current_pos);
            Assert.All(model.named_buffers(), buffer => Assert.Equal(DeviceType.META, buffer.buffer.device_type));
        }

        Check(model.forward(Ids(2, 64)), 2, 64);
        Check(model.forward(Ids(2, 8), attention_mask: Mask(2, 8)), 2, 8);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void EveryConfigurationRunsThere(bool upcast)
    {
        using var scope = NewDisposeScope();
        using var model = MetaModel.Make(
            Cfg with { reorder_and_upcast_attn = upcast, n_inner = 24, tie_word_embeddings = true }, ScalarType.BFloat16);
        Assert.Equal(ScalarType.BFloat16, model.forward(Ids(1, 4), use_cache: true).dtype);
    }

    private static void Check(Tensor logits, long rows, long tokens)
    {
        Assert.Equal(DeviceType.META, logits.device_type);
        Assert.Equal([rows, tokens, Cfg.vocab_size], logits.shape);
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData(3L, false)]
    [InlineData(null, true)]
    [InlineData(3L, true)]
    public void TheMaskIsMadeThere(long? window, bool padded)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(DeviceType.META, CausalMask.make(5, 4, window, padded ? Mask(2, 9) : null, META)!.device_type);
    }

    private static Tensor Ids(long rows, long tokens) => zeros(rows, tokens, dtype: ScalarType.Int64, device: META);

    private static Tensor Mask(long rows, long tokens) => ones(rows, tokens, dtype: ScalarType.Int64, device: META);
}
