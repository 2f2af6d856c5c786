using System.Text.Json;
using System.Text.Json.Nodes;
using TorchKv.Cli.Models;
using TorchKv.Loading;
using TorchKv.Models;
using TorchKv.PortChecking.Findings;
using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Report;
using TorchKv.PortChecking.Traces;
using TorchKv.TestSupport;

using static TorchSharp.torch;

namespace TorchKv.PortChecking.Tests;

/// <summary>
/// Traces of one unchanged model, called in the ways that people call HuggingFace's GPT-2 (tests/fixtures/reports). The
/// port must be the same in all of them, and a difference must still be found.
/// </summary>
[Collection(nameof(TorchGenerator))]
public class UnchangedModelTests
{
    public static TheoryData<string> Traces => [.. Directory
        .GetFiles(RepositoryFiles.Fixture("reports"), "k-*.safetensors")
        .Select(path => Path.GetFileNameWithoutExtension(path)).Where(name => name != "k-nan")];

    [Theory]
    [MemberData(nameof(Traces))]
    public void ADifferenceIsFoundInEveryTrace(string name)
    {
        using var original = Open(name);
        var compared = Compare(original).AssertSame().Modules.Where(module => module.PortKey is not null).ToArray();
        var middle = compared[compared.Length / 2].Key;

        using var changed = Edit(original, activation => activation.Key.ToString() == middle
            ? activation with { Values = Array.ConvertAll(activation.Values, value => (value * 1.01f) + 0.001f) }
            : activation);

        Assert.Equal(middle, Compare(changed).First);
    }

    [Fact]
    public void APaddedBatchWithoutPositionIdsCountsPaddingToo()
    {
        using var original = Open("k-rightpad");

        var report = Compare(original).AssertSame();

        Assert.Contains(report.Notes, note => note.Contains("padding", StringComparison.Ordinal));
        Assert.True(Within(report, "000.transformer.wpe"));
    }

    [Theory]
    [InlineData("k-float-mask")]
    [InlineData("k-added-mask")]
    public void AMaskOfFloatsHidesPadding(string name)
    {
        using var original = Open(name);

        var report = Compare(original).AssertSame();

        Assert.Contains(report.Notes, note => note.Contains("padding", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("[[true,true,true,true,true,true],[true,true,true,true,false,false]]")]
    [InlineData("[[1.0,1.0,1.0,1.0,1.0,1.0],[1.0,1.0,1.0,1.0,0.0,0.0]]")]
    [InlineData("[[[[1,1,1,1,1,1]]],[[[1,1,1,1,0,0]]]]")]
    [InlineData("[[[[0.0,0.0,0.0,0.0,0.0,0.0]]],[[[0.0,0.0,0.0,0.0,-Infinity,-Infinity]]]]")]
    public void AMaskMayHaveAnyOfItsForms(string mask)
    {
        using var original = Open("k-rightpad");
        using var other = WithInput(original, "attention_mask", mask);

        Compare(other).AssertSame();
    }

    [Fact]
    public void AMaskThatHidesMoreThanPaddingIsRefused()
    {
        using var original = Open("k-rightpad");
        using var half = WithInput(original, "attention_mask", "[[1,1,1,1,1,1],[1,1,1,1,0.5,0]]");

        Assert.Contains("attention_mask of shape (2, 6)", Assert.Throws<TraceException>(() => Compare(half)).Message);
    }

    [Theory]
    [InlineData("[[5,6,7]]")]
    [InlineData("[5,6,7]")]
    [InlineData("[[5,6,7],[5,6,7]]")]
    public void PositionIdsOfOneRowAreForAllRows(string positions)
    {
        using var original = Open("k-pos1T");
        using var other = WithInput(original, "position_ids", positions);

        Assert.True(Within(Compare(other).AssertSame(), "000.transformer.wpe"));
    }

    [Theory]
    [InlineData("position_ids", "[[30,31,32]]", "the position 32")]
    [InlineData("position_ids", "[[-1,0,1]]", "the position -1")]
    [InlineData("position_ids", "[[0,1]]", "position_ids of shape (1, 2)")]
    [InlineData("position_ids", "[[0.5,1,2]]", "position_ids of shape (1, 3)")]
    [InlineData("token_type_ids", "[[1,2,267]]", "the token type 267")]
    public void AnArgumentThatTheModelCannotTakeIsNamed(string name, string value, string reason)
    {
        using var original = Open("k-pos1T");
        using var other = WithInput(original, name, value);

        Assert.Contains(reason, Assert.Throws<TraceException>(() => Compare(other)).Message);
    }

    [Theory]
    [InlineData("k-labels", "000.logits:logits")]
    [InlineData("k-labels-as-tuple", "000.logits:1")]
    public void WithLabelsTheLogitsAreComparedAndNotTheLoss(string name, string logits)
    {
        using var original = Open(name);

        Assert.True(Within(Compare(original).AssertSame(), logits));
    }

    [Fact]
    public void AHeadlessModelIsComparedUpToItsLastNormalisation()
    {
        using var original = Open("k-bare");

        var report = Compare(original).AssertSame();

        Assert.Equal("000.final_norm", Assert.Single(report.Modules, module => module.Key == "000.logits").PortKey);
    }

    [Theory]
    [InlineData("k-ddp", "000.module.transformer.h.0.attn")]
    [InlineData("k-compiled", "000._orig_mod.transformer.h.0.attn")]
    public void NamesOfWrappersAreLeftOut(string name, string module)
    {
        using var original = Open(name);

        Assert.True(Within(Compare(original).AssertSame(), module));
    }

    [Theory]
    [InlineData("module._orig_mod.", "")]
    [InlineData("_orig_mod.module.", "")]
    [InlineData("base_model.model.", "")]
    [InlineData("", "_orig_mod.")]
    [InlineData("module.", "_orig_mod.")]
    public void WrappersMayBeAroundTheModelAndAroundItsBlocks(string around, string within)
    {
        using var original = Open("k-only");
        using var wrapped = Rename(
            original, name => around + name.Replace("h.0.", "h.0." + within, StringComparison.Ordinal));

        var report = Compare(wrapped).AssertSame();

        Assert.True(Within(report, $"000.{around}transformer.h.0.{within}mlp"));
    }

    [Fact]
    public void NamesOfWrappersAreLeftOutOfAnyModel()
    {
        using var original = MistakesInTracesTests.Open("right");
        using var wrapped = Rename(original, name => "module." + name);
        using var port = FaultyModel.Build(new Fault());

        var report = PortChecker.Compare(wrapped, port, step => port.call(step.ToTensor(), true)).AssertSame();

        Assert.Null(report.ProposedMapping);
        Assert.True(Within(report, "001.module.trf_blocks.1.att.dropout"));
    }

    [Fact]
    public void AMappingIsForNamesWithoutWrappersToo()
    {
        using var original = Open("k-ddp");
        var options = new PortCheckOptions { Mapping = ModuleMapping.HuggingFaceGpt2 };

        Assert.True(Within(Compare(original, options).AssertSame(), "000.module.transformer.h.1.attn.c_attn"));
    }

    [Theory]
    [InlineData("modules")]
    [InlineData("parameters")]
    [InlineData("nothing")]
    public void ATraceOfSomeModulesOnlyIsEnough(string without)
    {
        using var original = Open("k-only");
        using var other = Edit(original, activation => activation, metadata => metadata.Remove(without));

        var report = Compare(other).AssertSame();

        Assert.Equal(3, report.Modules.Count(module => module.Within));
        Assert.Null(report.ProposedMapping);
    }

    [Fact]
    public void AJoinedOutputIsComparedWhereBothTracesKeptNumbers()
    {
        using var original = Open("k-max30");

        var report = Compare(original).AssertSame();

        var joined = Assert.Single(report.Modules, module => module.Key == "000.transformer.h.0.attn.c_attn");
        Assert.True(joined.Within);
        Assert.Equal([1, 6, 5], joined.Shape);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(7)]
    [InlineData(23)]
    [InlineData(100)]
    public void TracesAreComparedInTheNumbersThatBothKept(int limit)
    {
        using var original = Open("k-max30");
        using var whole = Open("k-f64");
        using var other = Edit(
            whole,
            activation => TraceSampling.Apply(activation, limit),
            metadata =>
            {
                metadata["max_elements"] = $"{limit}";
                metadata["sampled"] = Sampled(whole, limit);
            });

        Compare(other).AssertSame();
        var report = PortChecker.Compare(original, other);

        Assert.True(report.Same, report.ToString());
        Assert.Contains(report.Modules, module => module.Within && module.MaxAbs > 0);
    }

    [Fact]
    public void ASampleUnlikeTheTracesOwnIsRefused()
    {
        using var original = Open("k-max30");

        var error = Assert.Throws<TraceException>(
            () => Edit(original, activation => activation, metadata => metadata["max_elements"] = "29"));

        Assert.Contains("(1, 6, 5), which is not what \"max_elements\" = 29 keeps of (1, 6, 8)", error.Message);
    }

    [Fact]
    public void NaNInAParameterIsReadAndNamed()
    {
        using var original = Open("k-nan");

        var report = Compare(original);

        Assert.Equal("000.transformer.h.1.ln_1", report.First);
        Assert.Equal(ResemblanceKind.NotANumber, report.Kind);
        Assert.Contains("a parameter of this module has NaN", report.LooksLike);
    }

    [Fact]
    public void AModelWithTheSameNaNIsTheSame()
    {
        using var original = Open("k-nan");
        using var model = Base();
        using (no_grad())
        {
            // The original's weight has NaN where its output has.
            var output = original.Read(new TraceKey(0, "transformer.h.1.ln_1"));
            var factors = Array.ConvertAll(output.Values[..output.Columns], value => float.IsNaN(value) ? value : 1);
            Assert.Contains(factors, float.IsNaN);
            model.trf_blocks[1].norm1.scale.mul_(tensor(factors));
        }

        Gpt2PortCheck.Compare(original, model).AssertSame();
    }

    [Theory]
    [InlineData("config", """{"n_head": 2, "n_embd": 8, "x": NaN, "y": [Infinity, -Infinity], "NaN": "a \" NaN"}""")]
    [InlineData("parameters", """{"a.weight": {"sum": -Infinity, "norm": Infinity}}""")]
    [InlineData("inputs", """[{"scale": NaN, "other": [[1.5, Infinity]]}]""")]
    public void NumbersThatOnlyPythonWritesAreRead(string key, string value)
    {
        using var original = Open("k-only");
        using var other = Edit(original, activation => activation, metadata => metadata[key] = value);

        Compare(other).AssertSame();
        Assert.NotNull(other.MetadataJson(key));
    }

    [Fact]
    public void AFloat64OriginalIsHeldToThePortsPrecision()
    {
        using var original = Open("k-f64");

        var report = Compare(original).AssertSame();

        Assert.All(report.Modules, module => Assert.True(module.Bound >= 1e-5));
    }

    [Fact]
    public void GenerationPastTheContextIsRepeatedWithoutACache()
    {
        using var model = Base();
        using var recorder = new ModuleTrace(model);
        var text = Enumerable.Range(0, 30).Select(i => (long)(i * 7)).ToList();
        for (var step = 0; step < 5; step++)
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            long[] last = [.. text.TakeLast(model.cfg.context_length)];
            model.call(tensor(last, [1, last.Length]), false);
            text.Add(step);
        }

        using var original = recorder.ToTrace();
        recorder.Dispose();

        var report = Compare(original).AssertSame();

        Assert.True(Within(report, "004.logits"));
    }

    [Theory]
    [InlineData("k-two", "001.logits")]
    [InlineData("k-continued-and-new", "002.logits")]
    public void ACallWithoutTheCacheBeginsAtPositionZero(string name, string last)
    {
        using var original = Open(name);

        Assert.True(Within(Compare(original).AssertSame(), last));
    }

    [Theory]
    [InlineData("k-two", false, false)]
    [InlineData("k-continued-and-new", true, true)]
    public void AStepTellsWhetherItContinuesTheOneBefore(string name, bool continues, bool isRecorded)
    {
        using var original = Open(name);
        using var chunks = MistakesInTracesTests.Open("right-in-chunks");

        var steps = original.GetSteps().ToArray();

        Assert.Equal((false, true), (steps[0].Continues, steps[0].ContinuesIsRecorded));
        Assert.Equal((continues, isRecorded), (steps[1].Continues, steps[1].ContinuesIsRecorded));
        Assert.All(steps.Skip(2), step => Assert.False(step.Continues));
        Assert.All(chunks.GetSteps().Skip(1), step => Assert.True(step.Continues));
    }

    [Fact]
    public void TokenTypesAreAddedToTheEmbeddings()
    {
        using var original = Open("k-token-types");

        Assert.True(Within(Compare(original).AssertSame(), "000.transformer.wte#2"));
    }

    [Fact]
    public void AnArgumentThatThePortDoesNotTakeIsNamed()
    {
        using var original = Open("k-only");
        using var other = WithInput(original, "head_mask", "[0.0, 1.0]");

        Assert.Single(Compare(other).Notes, note => note.Contains("head_mask", StringComparison.Ordinal));
        Assert.DoesNotContain(Compare(original).Notes, note => note.Contains("not take", StringComparison.Ordinal));
    }

    private static RecordedTrace Open(string name) =>
        RecordedTrace.Open(RepositoryFiles.Fixture("reports", name + ".safetensors"));

    private static GPTModel Base() => GPTModel.from_pretrained(RepositoryFiles.Fixture("reports", "c-base"));

    private static PortCheckReport Compare(RecordedTrace original, PortCheckOptions? options = null)
    {
        using var model = Base();
        return Gpt2PortCheck.Compare(original, model, options);
    }

    private static bool Within(PortCheckReport report, string key) =>
        Assert.Single(report.Modules, module => module.Key == key).Within;

    // The trace in memory with other numbers, keys or metadata.
    private static RecordedTrace Edit(
        RecordedTrace trace, Func<Activation, Activation> change, Action<Dictionary<string, string>>? describe = null)
    {
        var metadata = new Dictionary<string, string>(trace.Metadata);
        describe?.Invoke(metadata);
        return RecordedTrace.FromActivations(trace.Order.Select(trace.Read).Select(change), metadata, trace.Name);
    }

    private static RecordedTrace WithInput(RecordedTrace trace, string name, string value) => Edit(
        trace,
        activation => activation,
        metadata =>
        {
            var before = JsonNode.Parse(metadata["inputs"])![0]!.AsObject();
            before.Remove(name);
            metadata["inputs"] = $"[{before.ToJsonString().TrimEnd('}')}, \"{name}\": {value}}}]";
        });

    private static RecordedTrace Rename(RecordedTrace trace, Func<string, string> rename) => Edit(
        trace,
        activation => activation.Key.Module == trace.Root
            ? activation
            : activation with { Key = activation.Key with { Module = rename(activation.Key.Module) } },
        metadata =>
        {
            metadata.Remove("sampled");
            foreach (var about in new[] { "modules", "parameters" })
            {
                if (metadata.TryGetValue(about, out var text))
                {
                    var members = JsonNode.Parse(text)!.AsObject().Where(member => member.Key.Length > 0)
                        .Select(member => KeyValuePair.Create(rename(member.Key), member.Value?.DeepClone()));
                    metadata[about] = new JsonObject(members).ToJsonString();
                }
            }
        });

    private static string Sampled(RecordedTrace trace, int limit) => JsonSerializer.Serialize(
        trace.Order.Where(key => TraceSampling.Positions(trace.Read(key).Shape, limit) is not null)
            .ToDictionary(key => key.ToString(), key => trace.Read(key).Shape));
}
