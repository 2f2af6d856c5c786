using System.Diagnostics;
using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Report;
using TorchKv.PortChecking.Traces;
using TorchKv.Runtime.Checkpoints;
using TorchKv.TestSupport;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchKv.PortChecking.Tests;

[Collection(nameof(TorchGenerator))]
public class ModuleTraceTests
{
    [Fact]
    public void ModulesAreRecordedChildrenBeforeParentsAndTheModelLast()
    {
        using var model = FaultyModel.Build(new Fault());
        using var recorder = new ModuleTrace(model);

        Run(model, [1, 2, 3], [4]);
        using var trace = recorder.ToTrace();

        Assert.Equal(
            ["000.tok_emb", "000.pos_emb", "000.drop_emb", "000.trf_blocks.0.norm1", "000.trf_blocks.0.att.W_key"],
            trace.Order.Take(5).Select(key => key.ToString()));
        Assert.Equal("001.logits", trace.Order[^1].ToString());
        Assert.Equal([1, 3, 1, 4], trace.Read(TraceKey.TryParse("001.trf_blocks.1.att.dropout")!).Shape);
        Assert.Equal([[1, 2, 3]], trace.Steps[0]!);
        Assert.Equal([[4]], trace.Steps[1]!);
        var place = trace.Order.Select((key, i) => (key, i)).ToDictionary(item => item.key, item => item.i);
        Assert.All(trace.Order, key => Assert.All(
            trace.Order.Where(inner => key.Contains(inner, trace.Root)),
            inner => Assert.True(place[inner] < place[key], $"{inner} after {key}")));
    }

    [Fact]
    public void OneModulesCallsWithinAStepAreNumberedAndKept()
    {
        using var model = FaultyModel.Build(new Fault());
        using var recorder = new ModuleTrace(model);

        Run(model, [1, 2]);
        using var trace = recorder.ToTrace();

        Assert.Equal(Values(trace, "000.trf_blocks.0.att"), Values(trace, "000.trf_blocks.0.drop_shortcut"));
        Assert.Equal(Values(trace, "000.trf_blocks.0.ff"), Values(trace, "000.trf_blocks.0.drop_shortcut#2"));
    }

    [Fact]
    public void ATracedModelRunsAsBeforeDuringAndAfterwards()
    {
        using var model = FaultyModel.Build(new Fault());
        using var ids = tensor(new long[] { 1, 2, 3 }, [1, 3]);
        using var before = model.call(ids, false);
        using (new ModuleTrace(model))
        {
            using var during = model.call(ids, false);
            Assert.True(during.Equals(before));
        }

        using var recorder = new ModuleTrace(model);
        recorder.Dispose();
        using var after = model.call(ids, false);

        Assert.True(after.Equals(before));
        Assert.Empty(recorder.ToTrace().Order);
    }

    [Fact]
    public void ASavedTraceIsReadBackWithTheSameBits()
    {
        using var model = FaultyModel.Build(new Fault());
        using var recorder = new ModuleTrace(model)
            .Describe("config", """{"n_heads":3,"emb_dim":24}""").Describe("seed", "123");
        Run(model, [1, 2], [3]);
        using var folder = new TemporaryFolder();
        var path = folder["run.safetensors"];
        recorder.Save(path);
        using var inMemory = recorder.ToTrace();
        using var fromFile = RecordedTrace.Open(path);

        Assert.Equal(inMemory.Order, fromFile.Order);
        Assert.Equal("123", fromFile.Metadata["seed"]);
        Assert.All(inMemory.Order, key => Assert.Equal(inMemory.Read(key).Values, fromFile.Read(key).Values));
        Assert.True(PortChecker.Compare(fromFile, inMemory).Same);
        Assert.Equal([path], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void ATraceIsSavedWithTheTensorsAndMetadataRead()
    {
        using var original = MistakesInTracesTests.Open("computed-in-float-16");
        using var folder = new TemporaryFolder();
        var path = folder["again.safetensors"];
        original.Save(path);
        using var again = RecordedTrace.Open(path);

        Assert.Equal(original.Order, again.Order);
        Assert.Equal(
            original.Metadata.Where(entry => entry.Key != "order").ToDictionary(),
            again.Metadata.Where(entry => entry.Key != "order").ToDictionary());
        Assert.All(original.Order, key =>
        {
            Assert.Equal(original.Read(key).DType, again.Read(key).DType);
            Assert.Equal(original.Read(key).Shape, again.Read(key).Shape);
            Assert.Equal(original.Read(key).Values, again.Read(key).Values);
        });
    }

    [Fact]
    public void HalfFloatsKeepTheirTypeAndBits()
    {
        using var model = nn.Sequential(nn.Identity());
        using var folder = new TemporaryFolder();
        var path = folder["run.safetensors"];
        foreach (var (type, expected) in new[]
        {
            (ScalarType.Float16, TensorDType.Float16), (ScalarType.BFloat16, TensorDType.BFloat16),
        })
        {
            using var recorder = new ModuleTrace(model);
            using var input = tensor(new[] { 1.5f, -3.14159f, 60000f }).to(type);
            using var output = model.call(input);
            recorder.Save(path);
            using var trace = RecordedTrace.Open(path);
            var kept = trace.Read(trace.Order[0]);

            Assert.Equal(expected, kept.DType);
            Assert.Equal(input.to(ScalarType.Float32).data<float>().ToArray(), kept.Values);
        }
    }

    [Fact]
    public void LargeOutputsAreSampledAtPythonsPositions()
    {
        using var model = nn.Sequential(nn.Identity());
        using var recorder = new ModuleTrace(model, maxElements: 12);
        using var input = arange(60, dtype: ScalarType.Float32).view(3, 20);
        using var output = model.call(input);
        using var trace = recorder.ToTrace();

        // tests/trace/test_trace.py pins the same columns.
        Assert.Equal([0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55], Values(trace, "000.logits"));
        using var whole = new ModuleTrace(model);
        using var again = model.call(input);
        using var unsampled = whole.ToTrace();
        Assert.True(PortChecker.Compare(trace, unsampled).Same);
        Assert.True(PortChecker.Compare(unsampled, trace).Same);
    }

    [Fact]
    public void SharedModulesAndOutputsWithSeveralTensorsAreKept()
    {
        using var model = new TwoOutputs();
        using var recorder = new ModuleTrace(model);
        using var input = ones(1, 3);
        var (a, b) = model.call(input);
        a.Dispose();
        b.Dispose();
        using var trace = recorder.ToTrace();

        Assert.Equal(
            ["000.first", "000.first#2", "000.logits", "000.logits:1"], trace.Order.Select(key => key.ToString()));
    }

    [Fact]
    public void ACallInATestComparesTheFirstStep()
    {
        using var original = MistakesInTracesTests.Open("right");
        using var module = FaultyModel.Build(new Fault());
        using var ids = tensor(original.Steps[0]![0], [1, 6]);

        var report = PortChecker.Compare(original, () => module.call(ids, true)).AssertSame();

        Assert.All(report.Modules, error => Assert.StartsWith("000.", error.Key));
        Assert.Contains(report.Notes, note => note.Contains("steps 1–2", StringComparison.Ordinal));
    }

    [Fact]
    public void TheAssertionsMessageSaysWhereAndWhat()
    {
        using var original = MistakesInTracesTests.Open("gelu-erf");
        using var module = FaultyModel.Build(new Fault());
        using var ids = tensor(original.Steps[0]![0], [1, 6]);

        var report = PortChecker.Compare(original, () => module.call(ids, true));
        var error = Assert.Throws<PortMismatchException>(() => report.AssertSame());

        Assert.StartsWith("The port differs from the original, first at 000.trf_blocks.0.ff.layers.1.", error.Message);
        Assert.Contains(
            "It looks like: an approximation: the original has GELU (erf), the port GELU (tanh)", error.Message);
        Assert.Contains("→ 000.trf_blocks.0.ff.layers.1", error.Message);
        Assert.Contains("  000.trf_blocks.0.ff.layers.0", error.Message);
        Assert.Equal(ResemblanceKind.Approximation, error.Report.Kind);
    }

    [Fact]
    public void OtherIdsAreSaidToBeTheReason()
    {
        using var original = MistakesInTracesTests.Open("right");
        using var module = FaultyModel.Build(new Fault());
        using var ids = tensor(new long[] { 17, 42, 8, 60, 33, 5 }, [1, 6]);

        var report = PortChecker.Compare(original, () => module.call(ids, true));

        MistakesInTracesTests.Check(report, "000.tok_emb", ResemblanceKind.Inputs, "other input ids|[17, 42|[5, 17");
    }

    [Fact]
    public void AnExpressionWithoutAModuleIsRefused()
    {
        using var original = MistakesInTracesTests.Open("right");

        var error = Assert.Throws<TraceException>(() => PortChecker.Compare(original, () => Math.Abs(-1)));

        Assert.Contains("No module is called", error.Message);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void TheNumberOfThreadsIsNoDifference(int threads)
    {
        using var original = MistakesInTracesTests.Open("right");
        using var model = FaultyModel.Build(new Fault());
        var before = get_num_threads();
        try
        {
            set_num_threads(threads);
            PortChecker.Compare(original, model, step => model.call(step.ToTensor(), true)).AssertSame();
        }
        finally
        {
            set_num_threads(before);
        }
    }

    [Fact]
    public void TheTracerOfPythonPassesItsOwnTests()
    {
        const string python = "/usr/bin/python3";
        var hasTorch = File.Exists(python) && Run(python, "-c", "import torch").Code == 0;
        Assert.SkipUnless(hasTorch, "no python3 with torch on this machine");

        var (code, output) = Run(python, Path.Combine(RepositoryFiles.Root, "tests", "trace", "test_trace.py"));

        Assert.True(code == 0, output);

        static (int Code, string Output) Run(string file, params string[] arguments)
        {
            var start = new ProcessStartInfo(file, arguments)
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            };
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output.Result + errors);
        }
    }

    private static void Run(FaultyModel model, params long[][] steps)
    {
        foreach (var ids in steps)
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            model.call(tensor(ids, [1, ids.Length]), true);
        }
    }

    private static float[] Values(RecordedTrace trace, string key) => trace.Read(TraceKey.TryParse(key)!).Values;

    private sealed class TwoOutputs : nn.Module<Tensor, (Tensor, Tensor)>
    {
        public readonly Linear first = nn.Linear(3, 3);
        public readonly Linear again;

        public TwoOutputs()
            : base(nameof(TwoOutputs))
        {
            again = first;
            RegisterComponents();
        }

        public override (Tensor, Tensor) forward(Tensor x) => (first.call(x), again.call(x));
    }
}
