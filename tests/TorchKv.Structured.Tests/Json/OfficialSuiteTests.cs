using TorchKv.TestSupport;

namespace TorchKv.Structured.Tests.Json;

public sealed class OfficialSuiteTests
{
    private static readonly string s_list =
        RepositoryFiles.At("tests", "TorchKv.Structured.Tests", "Json", "official-suite.txt");

    private static readonly Lazy<OfficialSuite.Outcome> s_draft7 =
        new(() => OfficialSuite.Run("draft7", "http://json-schema.org/draft-07/schema#"));

    private static readonly Lazy<OfficialSuite.Outcome> s_draft202012 =
        new(() => OfficialSuite.Run("draft2020-12", "https://json-schema.org/draft/2020-12/schema"));

    [Fact]
    public void NoInvalidInstanceOfDraft7IsAllowed()
    {
        Assert.Empty(s_draft7.Value.FalsePositives);
        Assert.InRange(s_draft7.Value.Compiled, 270, s_draft7.Value.Groups);
        Assert.InRange(s_draft7.Value.Tests, 1300, int.MaxValue);
    }

    [Fact]
    public void NoInvalidInstanceOfDraft202012IsAllowed()
    {
        Assert.Empty(s_draft202012.Value.FalsePositives);
        Assert.InRange(s_draft202012.Value.Compiled, 360, s_draft202012.Value.Groups);
        Assert.InRange(s_draft202012.Value.Tests, 1700, int.MaxValue);
    }

    [Fact]
    public void WhatIsRefusedIsWhatTheListSays()
    {
        string[] found = [.. s_draft7.Value.Report, .. s_draft202012.Value.Report];
        string[] listed = File.Exists(s_list) ? File.ReadAllLines(s_list) : [];
        string actual = Path.Combine(AppContext.BaseDirectory, "official-suite.actual.txt");
        File.WriteAllLines(actual, found);
        Assert.True(
            listed.SequenceEqual(found),
            $"{s_list} is not what was found ({actual}). Only there: "
                + $"{string.Join("; ", listed.Except(found).Take(5))}. Only found: "
                + $"{string.Join("; ", found.Except(listed).Take(5))}.");
    }
}
