using TorchKv.Caching;
using TorchKv.Cli.Models;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Traces;
using TorchKv.TestSupport;
using static TorchSharp.torch;

namespace TorchKv.PortChecking.Tests;

/// <summary>This library's GPT-2 against traces of the article's model.</summary>
[Collection(nameof(TorchGenerator))]
public class PortedModelTests
{
    public static TheoryData<KvCacheKind, string> Caches()
    {
        var data = new TheoryData<KvCacheKind, string>();
        foreach (var kind in new[] { KvCacheKind.Concat, KvCacheKind.Static, KvCacheKind.SlidingWindow })
        {
            data.Add(kind, "trace/right");
            data.Add(kind, "trace-mistakes/right");
            data.Add(kind, "trace-mistakes/right-in-chunks");
            data.Add(kind, "trace-mistakes/right-of-two-rows");
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Caches))]
    public void ThePortIsTheSameWithExactCachesAndLibtorches(KvCacheKind kind, string trace)
    {
        // trace/right was made by PyTorch 2.13, the others by 1.13.
        using var original = Open(trace);
        using var model = Build(original);
        model.set_kv_cache(kind);

        var report = Gpt2PortCheck.Compare(original, model).AssertSame();

        Assert.Equal(original.Order.Count, report.Modules.Count(module => module.Within));
    }

    [Fact]
    public void AQuantizedCacheDiffersByRoundingAfterTheFirstStep()
    {
        manual_seed(8);
        using var model = new GPTModel(new GPTConfig
        {
            vocab_size = 67,
            context_length = 64,
            emb_dim = 24,
            n_heads = 3,
            n_layers = 2,
            qkv_bias = true,
        });
        model.eval();
        using var recorder = new ModuleTrace(model);
        foreach (var ids in new long[][] { [.. Enumerable.Range(0, 40)], [41], [42] })
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            model.call(tensor(ids, [1, ids.Length]), true);
        }

        using var original = recorder.ToTrace();
        recorder.Dispose();
        model.set_kv_cache(() => new QuantizedKvCache(64, residual_length: 0));

        var report = Gpt2PortCheck.Compare(original, model);

        MistakesInTracesTests.Check(
            report,
            "001.trf_blocks.0.att.dropout",
            ResemblanceKind.Rounding,
            "mere rounding|cache|only at steps after the first");
    }

    [Fact]
    public void ThePortsTanhIsToldFromTheTracesErf()
    {
        using var original = Open("trace/gelu-erf-in-block-1");
        using var model = Build(original);

        MistakesInTracesTests.Check(
            Gpt2PortCheck.Compare(original, model),
            "000.trf_blocks.1.ff.layers.1",
            ResemblanceKind.Approximation,
            "approximation|erf|tanh");
    }

    [Theory]
    [MemberData(nameof(MistakesInTracesTests.Mistakes), MemberType = typeof(MistakesInTracesTests))]
    public void ThePortIsToldFromATraceWithAMistake(string mistake, string first, ResemblanceKind kind, string words)
    {
        using var original = Open("trace-mistakes/" + mistake);
        using var model = Build(original);

        var report = Gpt2PortCheck.Compare(original, model);

        MistakesInTracesTests.Check(report, first, kind, mistake == "norm-epsilon" ? "another epsilon|0.001" : words);
    }

    [Fact]
    public void HuggingFacesNamesLeftPaddingAndSamplingAreTheSame()
    {
        using var original = Open("trace-hf/gelu-new");
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));

        var report = Gpt2PortCheck.Compare(original, model).AssertSame();

        Assert.All(
            report.Modules.Where(module => !module.Key.Contains(':', StringComparison.Ordinal)),
            module => Assert.True(module.Within, module.Key));
        Assert.Contains(report.Modules, module => module.Key == "001.transformer.h.2.attn.c_attn");
        Assert.Contains(report.Notes, note => note.Contains("HuggingFace's names", StringComparison.Ordinal));
        Assert.Contains(report.Notes, note => note.Contains("padding", StringComparison.Ordinal));
    }

    [Fact]
    public void WeightsOfAnotherCheckpointAreToldUnderHuggingFacesNames()
    {
        using var original = Open("trace-hf/gelu-new");
        using var model = GPTModel.from_pretrained(RepositoryFiles.Fixture("hf", "gelu-new"));
        using (no_grad())
        {
            var (_, first) = model.trf_blocks[1].ff.layers.named_parameters()
                .First(parameter => parameter.name.EndsWith("weight", StringComparison.Ordinal));
            first.mul_(-0.5).add_(0.01);
        }

        var report = Gpt2PortCheck.Compare(original, model);

        MistakesInTracesTests.Check(
            report, "000.transformer.h.1.mlp.c_fc", ResemblanceKind.Weights, "other weights|norm");
    }

    [Fact]
    public void IdsBeyondTheVocabularyAreRefused()
    {
        using var original = Open("trace/right");
        using var model = new GPTModel(new GPTConfig
        {
            vocab_size = 100,
            context_length = 32,
            emb_dim = 24,
            n_heads = 3,
            n_layers = 3,
        });

        var error = Assert.Throws<TraceException>(() => Gpt2PortCheck.Compare(original, model));

        Assert.Contains("the id 161", error.Message);
    }

    [Fact]
    public void ARunWithoutACacheIsRepeatedWithoutOne()
    {
        using var cached = Open("trace-mistakes/right");
        using var model = Build(cached);
        using var recorder = new ModuleTrace(model);
        long[][] steps = [[5, 17, 42], [5, 17, 42, 8], [5, 17, 42, 8, 60]];
        foreach (var ids in steps)
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            model.call(tensor(ids, [1, ids.Length]), false);
        }

        using var original = recorder.ToTrace();
        recorder.Dispose();

        Gpt2PortCheck.Compare(original, model).AssertSame();
    }

    [Fact]
    public void AHeatMapHasModuleRowsAndStepColumns()
    {
        using var original = Open("trace/gelu-erf-in-block-1");
        using var model = Build(original);
        var report = Gpt2PortCheck.Compare(original, model);

        var svg = System.Xml.Linq.XDocument.Parse(report.ToSvg());

        var cells = svg.Descendants().Where(element => element.Name.LocalName == "rect"
            && element.Elements().Any(child => child.Name.LocalName == "title")).ToArray();
        Assert.Equal(report.Modules.Count, cells.Length);
        Assert.Equal(5, cells.Select(cell => cell.Attribute("x")!.Value).Distinct().Count());
        Assert.Single(svg.Descendants(), element => element.Attribute("class")?.Value == "first");
        Assert.Contains("000.trf_blocks.1.ff.layers.1", svg.ToString());
    }

    private static RecordedTrace Open(string name)
    {
        var parts = (name + ".safetensors").Split('/');
        return RecordedTrace.Open(RepositoryFiles.Fixture(parts));
    }

    private static GPTModel Build(RecordedTrace trace)
    {
        manual_seed(long.Parse(trace.Metadata["seed"], System.Globalization.CultureInfo.InvariantCulture));
        var model = new GPTModel(GPTConfig.from_json(trace.Metadata["config"]));
        model.eval();
        return model;
    }
}
