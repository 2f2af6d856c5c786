using System.Security.Cryptography;
using System.Text.Json;
using TorchKv.TestSupport;

namespace TorchKv.Runtime.Tests;

/// <summary>The fixtures' model files, which are made by a formula, are what HuggingFace wrote.</summary>
public sealed class HuggingFaceWeightsTests
{
    private static readonly JsonElement s_models =
        JsonDocument.Parse(File.ReadAllBytes(RepositoryFiles.Fixture("hf", "weights.json"))).RootElement;

    public static TheoryData<string> Names => [.. HuggingFaceCase.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void TheFormulaGivesTheBytesThatHuggingFaceWrote(string name)
    {
        var model = s_models.GetProperty(name);
        var recorded = model.GetProperty("sha256").EnumerateObject()
            .ToDictionary(file => file.Name, file => file.Value.GetString()!);
        var made = HuggingFaceWeights.Files(RepositoryFiles.Fixture("hf", name), model.GetProperty("seed").GetUInt32());

        Assert.Equal(recorded, made.ToDictionary(file => Path.GetFileName(file.Path), file => Digest(file.Bytes)));
        Assert.All(recorded, file =>
            Assert.Equal(file.Value, Digest(File.ReadAllBytes(RepositoryFiles.Fixture("hf", name, file.Key)))));
    }

    [Fact]
    public void WhatIsMissingIsWrittenAndOtherBytesAreRefused()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["gelu-new"]);
        File.Copy(RepositoryFiles.Fixture("hf", "gelu-new", "config.json"), folder["gelu-new/config.json"]);
        var sha256 = s_models.GetProperty("gelu-new").GetProperty("sha256");
        void Describe(int seed) => File.WriteAllText(
            folder["weights.json"],
            JsonSerializer.Serialize(new Dictionary<string, object> { ["gelu-new"] = new { seed, sha256 } }));

        Describe(seed: 1001);
        Assert.Throws<InvalidDataException>(() => HuggingFaceWeights.WriteMissing(folder.Path));
        Assert.False(File.Exists(folder["gelu-new/model.safetensors"]));

        Describe(seed: 1000);
        HuggingFaceWeights.WriteMissing(folder.Path);
        Assert.Equal(
            File.ReadAllBytes(RepositoryFiles.Fixture("hf", "gelu-new", "model.safetensors")),
            File.ReadAllBytes(folder["gelu-new/model.safetensors"]));
    }

    private static string Digest(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
