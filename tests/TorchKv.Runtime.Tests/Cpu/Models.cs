using System.Runtime.InteropServices;
using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu;
using TorchKv.Testing;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests.Cpu;

/// <summary>
/// A small model of random shape on disk, with the weights of <see cref="FormulaCheckpoint"/>; and random token ids.
/// </summary>
internal sealed class Models : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public Models(int seed)
    {
        var random = new Random(seed);
        var heads = random.Next(1, 5);
        Config = new Gpt2Config
        {
            VocabSize = random.Next(40, 140),
            ContextLength = random.Next(70, 130),
            HeadCount = heads,
            EmbeddingSize = heads * random.Next(5, 40),
            InnerSize = random.Next(20, 230),
            LayerCount = random.Next(1, 4),
            Activation = (Gpt2Activation)random.Next(Enum.GetValues<Gpt2Activation>().Length),
            ScaleAttentionByInverseLayerIndex = random.Next(2) == 0,
            TieWordEmbeddings = random.Next(2) == 0,
            BosTokenId = null,
            EosTokenIds = [],
        };
        FormulaCheckpoint.Write(_folder.Path, Config);
    }

    public Gpt2Config Config { get; }

    public string Folder => _folder.Path;

    public CpuRunner Load(CpuRunnerOptions options) => CpuRunner.Load(_folder.Path, options);

    public static int[] Ids(Gpt2Config config, int count, Random random) =>
        [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabSize))];

    public static ReadOnlySpan<int> Bits(ReadOnlySpan<float> values) => MemoryMarshal.Cast<float, int>(values);

    public void Dispose() => _folder.Dispose();
}
