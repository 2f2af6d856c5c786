using System.Text;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Contracts;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Configuration;

[Trait("speed", "fast")]
public class Gpt2ConfigTests
{
    [Fact]
    public void AnEmptyObjectIsGpt2()
    {
        var config = Parse("{}");

        Assert.Equal(new Gpt2Config(), config);
        Assert.Equal((50257, 1024, 768, 12, 12, 3072, 64), (config.VocabSize, config.ContextLength, config.EmbeddingSize, config.LayerCount, config.HeadCount, config.InnerSize, config.HeadDim));
        Assert.Equal(124_439_808, config.ParameterCount);
    }

    [Theory]
    [InlineData("gelu-new", Gpt2Activation.GeluNew)]
    [InlineData("gelu-exact", Gpt2Activation.Gelu)]
    [InlineData("relu-wide-mlp", Gpt2Activation.Relu)]
    public void HuggingFacesFilesAreRead(string fixture, Gpt2Activation activation)
    {
        var config = Gpt2Config.Load(RepositoryFiles.Fixture("hf", fixture));

        Assert.Equal((211, 64, 48, 3, 4), (config.VocabSize, config.ContextLength, config.EmbeddingSize, config.LayerCount, config.HeadCount));
        Assert.Equal(activation, config.Activation);
        Assert.Equal(fixture == "relu-wide-mlp" ? 96 : 192, config.InnerSize);
        Assert.Equal(210, config.BosTokenId);
        Assert.Equal([210], config.EosTokenIds);
        Assert.Null(config.PadTokenId);
        Assert.Equal((0.1f, 0.1f, 0.1f), (config.EmbeddingDropout, config.AttentionDropout, config.ResidualDropout));
    }

    [Fact]
    public void SwitchesThatChangeInferenceAreRead()
    {
        Assert.False(Gpt2Config.Load(RepositoryFiles.Fixture("hf", "unscaled-attention")).ScaleAttentionWeights);
        Assert.False(Gpt2Config.Load(RepositoryFiles.Fixture("hf", "untied-head")).TieWordEmbeddings);
        var inverse = Gpt2Config.Load(RepositoryFiles.Fixture("hf", "inverse-layer-scale"));
        Assert.True(inverse.ScaleAttentionByInverseLayerIndex);
        Assert.True(inverse.ReorderAndUpcastAttention);
        Assert.Equal((float)(1 / Math.Sqrt(12) / 3), inverse.AttentionScale(2));
        Assert.NotEqual(1e-5f, Gpt2Config.Load(RepositoryFiles.Fixture("hf", "layernorm-epsilon")).LayerNormEpsilon);
        Assert.Equal(1, Gpt2Config.Load(RepositoryFiles.Fixture("hf", "one-head", "config.json")).HeadCount);
    }

    [Theory]
    [InlineData("gelu", Gpt2Activation.Gelu)]
    [InlineData("gelu_python", Gpt2Activation.Gelu)]
    [InlineData("gelu_new", Gpt2Activation.GeluNew)]
    [InlineData("gelu_fast", Gpt2Activation.GeluNew)]
    [InlineData("gelu_pytorch_tanh", Gpt2Activation.GeluNew)]
    [InlineData("gelu_accurate", Gpt2Activation.GeluNew)]
    [InlineData("quick_gelu", Gpt2Activation.QuickGelu)]
    [InlineData("relu", Gpt2Activation.Relu)]
    [InlineData("relu2", Gpt2Activation.ReluSquared)]
    [InlineData("relu6", Gpt2Activation.Relu6)]
    [InlineData("leaky_relu", Gpt2Activation.LeakyRelu)]
    [InlineData("silu", Gpt2Activation.Silu)]
    [InlineData("swish", Gpt2Activation.Silu)]
    [InlineData("tanh", Gpt2Activation.Tanh)]
    [InlineData("sigmoid", Gpt2Activation.Sigmoid)]
    [InlineData("mish", Gpt2Activation.Mish)]
    [InlineData("linear", Gpt2Activation.Linear)]
    public void ActivationsHaveHuggingFacesNames(string name, Gpt2Activation activation) =>
        Assert.Equal(activation, Parse($$"""{"activation_function":"{{name}}"}""").Activation);

    [Fact]
    public void EveryActivationSurvivesBeingWritten()
    {
        foreach (var activation in Enum.GetValues<Gpt2Activation>())
        {
            var config = new Gpt2Config { Activation = activation };
            Assert.Equal(config, Gpt2Config.Parse(config.ToJson()));
        }
    }

    [Fact]
    public void NamesThatAllModelsShareAreReadToo()
    {
        var config = Parse("""{"hidden_size":64,"num_hidden_layers":2,"num_attention_heads":8,"max_position_embeddings":32}""");

        Assert.Equal((64, 2, 8, 32, 256), (config.EmbeddingSize, config.LayerCount, config.HeadCount, config.ContextLength, config.InnerSize));
    }

    [Theory]
    [InlineData("""{"n_ctx":128}""", 128)]
    [InlineData("""{"n_ctx":128,"n_positions":256}""", 256)]
    [InlineData("""{"n_positions":256,"n_ctx":128}""", 256)]
    public void TheContextLengthsOldNameCountsWithoutTheNewOne(string json, int expected) =>
        Assert.Equal(expected, Parse(json).ContextLength);

    [Theory]
    [InlineData("7", new[] { 7 })]
    [InlineData("[7,9]", new[] { 7, 9 })]
    [InlineData("[]", new int[0])]
    [InlineData("null", new int[0])]
    public void EndOfTextIsOneIdSeveralOrNone(string value, int[] expected) =>
        Assert.Equal(expected, Parse($$"""{"eos_token_id":{{value}}}""").EosTokenIds);

    [Fact]
    public void TheGenerationConfigurationDecidesOverTheIds()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["config.json"], """{"bos_token_id":1,"eos_token_id":2,"pad_token_id":3}""");
        File.WriteAllText(folder["generation_config.json"], """{"eos_token_id":[5,6],"temperature":0.7,"nested":{"a":[1]}}""");

        var config = Gpt2Config.Load(folder.Path);

        // As HuggingFace: what it leaves out is none, whatever config.json says.
        Assert.Equal([5, 6], config.EosTokenIds);
        Assert.Null(config.BosTokenId);
        Assert.Null(config.PadTokenId);
    }

    [Fact]
    public void WhatIsWrittenReadsBackTheSame()
    {
        var config = new Gpt2Config
        {
            VocabSize = 100,
            ContextLength = 20,
            EmbeddingSize = 24,
            LayerCount = 5,
            HeadCount = 3,
            InnerSize = 50,
            Activation = Gpt2Activation.Gelu,
            LayerNormEpsilon = 3e-6f,
            ScaleAttentionWeights = false,
            ScaleAttentionByInverseLayerIndex = true,
            ReorderAndUpcastAttention = true,
            TieWordEmbeddings = false,
            EmbeddingDropout = 0.25f,
            AttentionDropout = 0f,
            ResidualDropout = 0.05f,
            BosTokenId = null,
            EosTokenIds = [4, 5],
            PadTokenId = 6,
        };
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder["config.json"], config.ToJson());
        File.WriteAllBytes(folder["generation_config.json"], config.ToGenerationJson());

        Assert.Equal(config, Gpt2Config.Load(folder.Path));
        Assert.Equal(config, Gpt2Config.Parse(config.ToJson()));
    }

    [Fact]
    public void AByteOrderMarkIsReadPast() => Assert.Equal(2, Parse("\uFEFF{\"n_layer\":2}").LayerCount);

    [Theory]
    [InlineData("""{"model_type":"llama"}""", "model_type", "llama")]
    [InlineData("""{"add_cross_attention":true}""", "add_cross_attention", "false")]
    [InlineData("""{"is_encoder_decoder":true}""", "is_encoder_decoder", "false")]
    [InlineData("""{"is_causal":false}""", "is_causal", "true")]
    [InlineData("""{"pruned_heads":{"0":[1]}}""", "pruned_heads", "empty")]
    [InlineData("""{"quantization_config":{"bits":4}}""", "quantization_config", "quantized")]
    [InlineData("""{"activation_function":"gelu_10"}""", "activation_function", "gelu_10")]
    [InlineData("""{"activation_function":"xielu"}""", "activation_function", "gelu_new")]
    [InlineData("""{"n_embd":770}""", "n_head", "divisible")]
    [InlineData("""{"n_layer":0}""", "n_layer", "0")]
    [InlineData("""{"n_head":0}""", "n_head", "0")]
    [InlineData("""{"n_head":-1}""", "n_head", "-1")]
    [InlineData("""{"vocab_size":2000000000}""", "vocab_size", "2000000000")]
    [InlineData("""{"n_positions":2147483647}""", "n_positions", "2147483647")]
    [InlineData("""{"n_positions":99999999999}""", "n_positions", "whole number")]
    [InlineData("""{"n_layer":2.5}""", "n_layer", "whole number")]
    [InlineData("""{"n_layer":"2"}""", "n_layer", "whole number")]
    [InlineData("""{"n_inner":0}""", "n_inner", "0")]
    [InlineData("""{"n_embd":262144,"n_head":1,"n_inner":1048576,"n_layer":4096}""", null, "parameters")]
    [InlineData("""{"layer_norm_epsilon":-1}""", "layer_norm_epsilon", "-1")]
    [InlineData("""{"layer_norm_epsilon":1e99}""", "layer_norm_epsilon", "number")]
    [InlineData("""{"attn_pdrop":1.5}""", "attn_pdrop", "probability")]
    [InlineData("""{"eos_token_id":-2}""", "eos_token_id", "-2")]
    [InlineData("""{"eos_token_id":["a"]}""", "eos_token_id", "whole number")]
    [InlineData("""{"scale_attn_weights":1}""", "scale_attn_weights", "true or false")]
    [InlineData("""{"n_embd":64,"hidden_size":128}""", "hidden_size", "n_embd")]
    [InlineData("""{"n_embd":64,"n_embd":64}""", "n_embd", "twice")]
    [InlineData("", null, "JSON")]
    [InlineData("[]", null, "JSON object")]
    [InlineData("{", null, "JSON")]
    [InlineData("{} {}", null, "")]
    [InlineData("""{"layer_norm_epsilon":NaN}""", null, "JSON")]
    [InlineData("""{"\ud800":1}""", null, "JSON")]
    [InlineData("""{"model_type":"\ud800"}""", null, "JSON")]
    [InlineData("PK\u0003\u0004", null, "JSON")]
    public void WhatCannotBeHonouredIsRefusedByName(string json, string? field, string words)
    {
        var error = Assert.Throws<ConfigurationException>(() => Parse(json));

        Assert.IsAssignableFrom<TorchKvException>(error);
        Assert.Equal(field, error.Field);
        Assert.Contains("test.json", error.Message);
        Assert.Contains(words, error.Reason);
        Assert.True(error.Message.Length < 500, error.Message);
    }

    [Theory]
    [InlineData("""{"add_cross_attention":false,"pruned_heads":{},"quantization_config":null,"is_causal":true,"is_encoder_decoder":false}""")]
    [InlineData("""{"task_specific_params":{"text-generation":{"do_sample":true,"max_length":50}},"architectures":["GPT2LMHeadModel"],"summary_type":"cls_index","n_ctx":1024}""")]
    public void WhatSaysNothingAboutInferenceIsReadPast(string json) => Assert.Equal(new Gpt2Config(), Parse(json));

    [Fact]
    public void DeepJsonIsRefusedWithoutMuchMemory()
    {
        var deep = Encoding.UTF8.GetBytes("{\"x\":" + new string('[', 100_000));
        Refused(deep);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Refused(deep);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 * 1024);

        static void Refused(byte[] json)
        {
            try
            {
                Gpt2Config.Parse(json);
                Assert.Fail("deep JSON was read");
            }
            catch (ConfigurationException)
            {
            }
        }
    }

    [Fact]
    public void AHugeFileIsRefusedBeforeItIsRead()
    {
        using var folder = new TemporaryFolder();
        using (var file = File.Create(folder["config.json"]))
        {
            file.SetLength(1L << 32);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<ConfigurationException>(() => Gpt2Config.Load(folder.Path));

        Assert.Contains("4,294,967,296", error.Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 * 1024);
    }

    [Fact]
    public void AMissingFileIsNamed()
    {
        using var folder = new TemporaryFolder();

        Assert.Contains(folder["config.json"], Assert.Throws<ConfigurationException>(() => Gpt2Config.Load(folder.Path)).Message);
    }

    [Fact]
    public void OneMadeInCodeIsCheckedTheSame() =>
        Assert.Equal("n_head", Assert.Throws<ConfigurationException>(() => new Gpt2Config { HeadCount = 5 }.Validate()).Field);

    private static Gpt2Config Parse(string json) => Gpt2Config.Parse(Encoding.UTF8.GetBytes(json), "test.json");
}
