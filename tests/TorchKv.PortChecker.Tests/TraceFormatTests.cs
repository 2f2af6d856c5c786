using System.Text.Json;
using TorchKv.PortChecking.Mapping;
using TorchKv.PortChecking.Traces;
using TorchKv.Runtime.Checkpoints;
using TorchKv.TestSupport;

namespace TorchKv.PortChecking.Tests;

public class TraceFormatTests
{
    [Theory]
    [InlineData("000.tok_emb", 0, "tok_emb", 1, null)]
    [InlineData("012.trf_blocks.0.drop_shortcut#2", 12, "trf_blocks.0.drop_shortcut", 2, null)]
    [InlineData("000.h.0:1.0", 0, "h.0", 1, "1.0")]
    [InlineData("1000.logits:past_key_values.0.k", 1000, "logits", 1, "past_key_values.0.k")]
    public void KeysAreReadAndWritten(string text, int step, string module, int call, string? part)
    {
        var key = TraceKey.TryParse(text);

        Assert.Equal(new TraceKey(step, module, call, part), key);
        Assert.Equal(text, key!.ToString());
    }

    [Theory]
    [InlineData("tok_emb")]
    [InlineData("x.tok_emb")]
    [InlineData("-1.tok_emb")]
    [InlineData("000.")]
    [InlineData("")]
    public void WhatIsNoKeyIsRefused(string text) => Assert.Null(TraceKey.TryParse(text));

    [Fact]
    public void TheExamplesOfTheFormatAreRead()
    {
        using var trace = RecordedTrace.Open(RepositoryFiles.Fixture("trace", "right.safetensors"));

        Assert.Equal(255, trace.Order.Count);
        Assert.Equal("000.tok_emb", trace.Order[0].ToString());
        Assert.Equal([[79, 161, 68, 155, 43, 111]], trace.Steps[0]!);
        Assert.Equal(5, trace.Steps.Count);
        Assert.Equal([1, 3, 6, 6], trace.Read(new TraceKey(0, "trf_blocks.0.att.dropout")).Shape);
        Assert.Equal("4242", trace.Metadata["seed"]);
    }

    [Theory]
    [InlineData(null, "\"order\"")]
    [InlineData("""{"order":"no"}""", "not JSON")]
    [InlineData("""{"order":"{}"}""", "no list")]
    [InlineData("""{"order":"[1]"}""", "which is no key")]
    [InlineData("""{"order":"[\"000.b\"]"}""", "000.b")]
    [InlineData("""{"order":"[]"}""", "does not name 000.a")]
    [InlineData("""{"order":"[\"000.a\",\"000.a\"]"}""", "named twice")]
    [InlineData("""{"order":"[\"000.a\"]","steps":"[[\"x\"]]"}""", "no id")]
    [InlineData("""{"order":"[\"000.a\"]","steps":"[7]"}""", "neither ids nor rows")]
    [InlineData("""{"order":"[\"000.a\"]","steps":"[[[1],2]]"}""", "row of ids")]
    [InlineData("""{"order":"[\"000.a\"]","config":"{"}""", "\"config\"")]
    [InlineData("""{"order":"[\"000.a\"]","sampled":"{\"000.a\":[-1]}"}""", "sampled")]
    public void ABadTraceIsRefusedByName(string? metadata, string reason)
    {
        using var folder = new TemporaryFolder();
        var path = Write(folder, "000.a", metadata ?? "{}");

        var error = Assert.Throws<TraceException>(() => RecordedTrace.Open(path));

        Assert.Contains(reason, error.Message);
        Assert.Contains(path, error.Message);
    }

    [Fact]
    public void AStepOfAKeyHasThreeDigits()
    {
        using var folder = new TemporaryFolder();
        var path = Write(folder, "0.a", """{"order":"[\"0.a\"]"}""");

        var error = Assert.Throws<TraceException>(() => RecordedTrace.Open(path));

        Assert.Contains("0.a is not STEP.MODULE", error.Message);
    }

    [Fact]
    public void AFileThatIsNoSafetensorsFileIsRefused() =>
        Assert.Throws<CheckpointException>(() => RecordedTrace.Open(RepositoryFiles.Fixture("README.md")));

    [Fact]
    public void AFileThatIsNotThereIsRefused() =>
        Assert.Throws<CheckpointException>(() => MistakesInTracesTests.Open("nothing"));

    [Fact]
    public void AnyMetadataIsReadOrRefusedByName()
    {
        using var trace = RecordedTrace.Open(RepositoryFiles.Fixture("reports", "k-max30.safetensors"));
        var activations = trace.Order.Select(trace.Read).ToArray();
        string[] keys =
            ["steps", "inputs", "flags", "past", "config", "modules", "parameters", "sampled", "max_elements", "root"];
        string[] pieces =
        [
            "", "0", "-1", "1e400", "99999999999", "2147483647", "null", "true", "NaN", "[]", "{}", "[[1]]",
            "\"", ",", "[", "}", ":", "\\", "\u2028",
        ];
        var random = new Random(7);
        var refused = 0;
        for (var sample = 0; sample < 400; sample++)
        {
            var key = keys[random.Next(keys.Length)];
            var text = trace.Metadata.GetValueOrDefault(key, "[[1, 2, 3]]");
            var start = random.Next(text.Length + 1);
            var end = Math.Min(text.Length, start + random.Next(13));
            var metadata = new Dictionary<string, string>(trace.Metadata)
            {
                [key] = text[..start] + pieces[random.Next(pieces.Length)] + text[end..],
            };
            try
            {
                using var other = RecordedTrace.FromActivations(activations, metadata);
                Assert.NotNull(PortChecker.Compare(other, trace).ToString());
                Assert.NotNull(PortChecker.Compare(trace, other).ToString());
                _ = other.GetSteps().Select(step => step.PaddingMask()).Count();
            }
            catch (TraceException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 100, 390);
    }

    [Fact]
    public void AMappingFillsStarsAndJoinsAndLeavesOut()
    {
        var mapping = ModuleMapping.Parse("""
            {
              "transformer.h.*.attn.c_attn": ["blocks.*.q", "blocks.*.k", "blocks.*.v"],
              "transformer.h.*.drop": null,
              "encoder.**": "inner.**",
              "lm_head": "out_head"
            }
            """);

        Assert.Equal(["blocks.7.q", "blocks.7.k", "blocks.7.v"], mapping.Map("transformer.h.7.attn.c_attn"));
        Assert.Empty(mapping.Map("transformer.h.0.drop"));
        Assert.Equal(["inner.a.0.b"], mapping.Map("encoder.a.0.b"));
        Assert.Equal(["out_head"], mapping.Map("lm_head"));
        Assert.Equal(["ln_f"], mapping.Map("ln_f"));
    }

    [Theory]
    [InlineData("[]", "object")]
    [InlineData("{", "not JSON")]
    [InlineData("""{"a":3}""", "\"a\"")]
    [InlineData("""{"a":[]}""", "\"a\"")]
    [InlineData("""{"a.*":"b.*.*"}""", "more stars")]
    public void ABadMappingIsRefusedByName(string json, string reason) =>
        Assert.Contains(reason, Assert.Throws<TraceException>(() => ModuleMapping.Parse(json, "map.json")).Message);

    [Fact]
    public void JoinedOutputsAreComparedAlongTheLastDimension()
    {
        var original = RecordedTrace.FromActivations([Of("000.h.0.attn.c_attn", [1, 2, 3], 1, 2, 3, 4, 5, 6)]);
        var port = RecordedTrace.FromActivations(
            [Of("000.b.0.q", [1, 2, 1], 1, 4), Of("000.b.0.kv", [1, 2, 2], 2, 3, 5, 6)]);
        var mapping = ModuleMapping.Parse("""{"h.*.attn.c_attn": ["b.*.q", "b.*.kv"]}""");

        var report = PortChecker.Compare(original, port, new() { Mapping = mapping });

        Assert.True(report.Same);
        Assert.Empty(report.Extra);

        static Activation Of(string key, int[] shape, params float[] values) =>
            new(TraceKey.TryParse(key)!, shape, TensorDType.Float32, values);
    }

    [Fact]
    public void ANameMappingIsProposedFromShapesAndOrder()
    {
        var original = Of("wte", "h.0.fc", "h.0.proj", "h.1.fc", "h.1.proj", "logits");
        var port = Of("embedding", "blocks.0.up", "blocks.0.down", "blocks.1.up", "blocks.1.down", "logits");

        var report = PortChecker.Compare(original, port);

        Assert.True(report.Same, report.ToString());
        Assert.NotNull(report.ProposedMapping);
        Assert.Contains("\"h.*.fc\": \"blocks.*.up\"", report.ProposedMapping.ToJson());
        Assert.Contains("\"wte\": \"embedding\"", report.ProposedMapping.ToJson());
        var mapping = ModuleMapping.Parse(report.ProposedMapping.ToJson());
        Assert.True(PortChecker.Compare(original, port, new() { Mapping = mapping }).Same);

        static RecordedTrace Of(params string[] modules) => RecordedTrace.FromActivations(modules.Select((module, at) =>
        {
            int[] shape = [1, 6, module == "logits" ? 50 : at % 2 == 1 ? 32 : 8];
            var values = Enumerable.Range(0, 6 * shape[2]).Select(i => MathF.Sin((i + 1) * (at + 1)));
            return new Activation(new(0, module), shape, TensorDType.Float32, [.. values]);
        }));
    }

    [Fact]
    public void HuggingFacesNamesOfGpt2AreKnown()
    {
        Assert.Equal(["trf_blocks.3.att.out_proj"], ModuleMapping.HuggingFaceGpt2.Map("transformer.h.3.attn.c_proj"));
        Assert.Equal(
            ["trf_blocks.3.att.W_query", "trf_blocks.3.att.W_key", "trf_blocks.3.att.W_value"],
            ModuleMapping.HuggingFaceGpt2.Map("h.3.attn.c_attn"));
        Assert.Equal(["final_norm"], ModuleMapping.HuggingFaceGpt2.Map("transformer"));
    }

    // A file with one tensor of one number.
    private static string Write(TemporaryFolder folder, string key, string metadata)
    {
        var header = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
        {
            ["__metadata__"] = JsonSerializer.Deserialize<Dictionary<string, string>>(metadata)!,
            [key] = new { dtype = "F32", shape = new[] { 1 }, data_offsets = new[] { 0, 4 } },
        });
        var path = folder["run.safetensors"];
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((ulong)header.Length), .. header, 0, 0, 0, 0]);
        return path;
    }
}
