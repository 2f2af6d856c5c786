using System.Text.RegularExpressions;
using TorchKv.TestSupport;

namespace TorchKv.Architecture.Tests;

/// <summary>What <c>./run.sh test fast</c> runs is what the test classes say.</summary>
public sealed partial class FastTraitTests
{
    [Fact]
    public void RunShNamesTheProgramsWithFastTests()
    {
        var named = FastPrograms().Match(File.ReadAllText(RepositoryFiles.At("run.sh"))).Groups[1].Value.Split(' ');
        var marked = SourceFiles.Under("tests")
            .Where(path => Trait().Matches(File.ReadAllText(path)).Any(match => match.Groups[1].Value == "\"speed\", \"fast\""))
            .Select(path => SourceFiles.Relative(path).Split(Path.DirectorySeparatorChar)[1])
            .Distinct();
        Assert.Equal(named.Order(StringComparer.Ordinal), marked.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void FastIsTheOnlyTrait()
    {
        var wrong = SourceFiles.Under("tests")
            .SelectMany(path => Trait().Matches(File.ReadAllText(path)).Select(
                match => (Path: path, Arguments: match.Groups[1].Value)))
            .Where(trait => trait.Arguments != "\"speed\", \"fast\"")
            .Select(trait => $"{SourceFiles.Relative(trait.Path)}: [Trait({trait.Arguments})]");
        Mistakes.AssertNone(wrong);
    }

    [GeneratedRegex("^fast_programs=\"(.*)\"$", RegexOptions.Multiline)]
    private static partial Regex FastPrograms();

    [GeneratedRegex(@"^ *\[(?:\w+, )*Trait\((.*?)\)", RegexOptions.Multiline)]
    private static partial Regex Trait();
}
