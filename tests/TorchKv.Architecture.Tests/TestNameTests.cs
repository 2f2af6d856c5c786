using System.Text.RegularExpressions;

namespace TorchKv.Architecture.Tests;

/// <summary>A test's name says one behaviour, short enough to be read in a list.</summary>
public sealed partial class TestNameTests
{
    private const int MostWords = 10;

    [Fact]
    public void ATestsNameHasAtMostTenWords()
    {
        var tests = SourceFiles.Under("tests")
            .SelectMany(path => TestMethod().Matches(File.ReadAllText(path)).Select(
                match => (Path: path, Name: match.Groups[1].Value)))
            .ToArray();
        Assert.Contains(nameof(ATestsNameHasAtMostTenWords), tests.Select(test => test.Name));
        Mistakes.AssertNone(tests
            .Where(test => Word().Count(test.Name) > MostWords)
            .Select(test => $"{SourceFiles.Relative(test.Path)}: {test.Name} has {Word().Count(test.Name)} words"));
    }

    [Theory]
    [InlineData("ATestsNameHasAtMostTenWords", 8)]
    [InlineData("AnHTTPServerFits80ColumnsAndBFloat16", 8)]
    [InlineData("loading_is_strict", 3)]
    public void AnAcronymAndANumbersWordCountOnce(string name, int words) => Assert.Equal(words, Word().Count(name));

    // An attribute of any kind of fact or theory, further attributes with whatever is in their strings, then the method.
    [GeneratedRegex(@"^ *\[(?:\w+, )*\w*(?:Fact|Theory)\b.*\n(?:.*\n)*? *public [\w ]+ (\w+)\(", RegexOptions.Multiline)]
    private static partial Regex TestMethod();

    [GeneratedRegex("[A-Z]+(?![a-z])[0-9]*|[A-Z][a-z0-9]*|[a-z0-9]+")]
    private static partial Regex Word();
}
