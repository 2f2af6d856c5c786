using System.Text.Json;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.TestSupport;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Conformance;

/// <summary>Modules draw from the generator in PyTorch's order: the article's scripts, built with the same seed, start from the same bits.</summary>
[Collection(nameof(GlobalGenerator))]
public class ArticleModelTests
{
    [Theory]
    [InlineData("article-small")]
    [InlineData("article-biased")]
    public void TheSameSeedGivesPyTorchsInitialWeightsBitForBit(string name)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(RepositoryFiles.Fixture("article", name + ".json")));
        var config = document.RootElement.GetProperty("config");
        var expected = SafetensorsFixture.Read(RepositoryFiles.Fixture("article", name + ".safetensors"));

        torch.random.manual_seed(document.RootElement.GetProperty("seed").GetInt64());
        using var model = new Gpt(config);
        var state = model.state_dict();

        var compared = 0;
        foreach (var (key, parameter) in state)
        {
            var reference = expected["state." + key];
            Assert.Equal(reference.Shape, parameter.shape);
            Assert.True(reference.Bytes.AsSpan().SequenceEqual(parameter.bytes), $"{key} differs");
            compared++;
        }
        Assert.Equal(document.RootElement.GetProperty("parameters").EnumerateObject().Count(), compared);
    }

    // The order in which the article's script makes its modules, and nothing else of it.
    private sealed class Gpt : nn.Module
    {
        private readonly Embedding tok_emb;
        private readonly Embedding pos_emb;
        private readonly Dropout drop_emb;
        private readonly ModuleList<Block> trf_blocks;
        private readonly Norm final_norm;
        private readonly Linear out_head;

        public Gpt(JsonElement config) : base(nameof(Gpt))
        {
            var vocabulary = config.GetProperty("vocab_size").GetInt64();
            var width = config.GetProperty("emb_dim").GetInt64();
            tok_emb = nn.Embedding(vocabulary, width);
            pos_emb = nn.Embedding(config.GetProperty("context_length").GetInt64(), width);
            drop_emb = nn.Dropout(config.GetProperty("drop_rate").GetDouble());
            trf_blocks = new ModuleList<Block>(Enumerable.Range(0, config.GetProperty("n_layers").GetInt32()).Select(_ => new Block(config)).ToArray());
            final_norm = new Norm(width);
            out_head = nn.Linear(width, vocabulary, hasBias: false);
            RegisterComponents();
        }
    }

    private sealed class Block : nn.Module
    {
        private readonly Attention att;
        private readonly FeedForward ff;
        private readonly Norm norm1;
        private readonly Norm norm2;

        public Block(JsonElement config) : base(nameof(Block))
        {
            var width = config.GetProperty("emb_dim").GetInt64();
            att = new Attention(width, config.GetProperty("qkv_bias").GetBoolean());
            ff = new FeedForward(width);
            norm1 = new Norm(width);
            norm2 = new Norm(width);
            RegisterComponents();
        }
    }

    private sealed class Attention : nn.Module
    {
        private readonly Linear W_query;
        private readonly Linear W_key;
        private readonly Linear W_value;
        private readonly Linear out_proj;

        public Attention(long width, bool bias) : base(nameof(Attention))
        {
            W_query = nn.Linear(width, width, hasBias: bias);
            W_key = nn.Linear(width, width, hasBias: bias);
            W_value = nn.Linear(width, width, hasBias: bias);
            out_proj = nn.Linear(width, width);
            RegisterComponents();
        }
    }

    private sealed class FeedForward : nn.Module
    {
        private readonly Sequential layers;

        public FeedForward(long width) : base(nameof(FeedForward))
        {
            layers = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width));
            RegisterComponents();
        }
    }

    private sealed class Norm : nn.Module
    {
        private readonly Parameter scale;
        private readonly Parameter shift;

        public Norm(long width) : base(nameof(Norm))
        {
            scale = nn.Parameter(ones(width));
            shift = nn.Parameter(zeros(width));
            RegisterComponents();
        }
    }
}
