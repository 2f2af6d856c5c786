using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Tests.Text;

public class TextMatcherTests
{
    [Fact]
    public void RandomTextsMatchAsTheDefinitionSays()
    {
        var random = new Random(21);
        for (var round = 0; round < 5_000; round++)
        {
            var many = Enumerable.Range(0, random.Next(1, 8)).Select(_ => RandomText(random, 1, 6));
            string[] texts = [.. many.Distinct()];
            var text = RandomText(random, 0, 40);
            Assert.Equal(Definition(text, texts), new TextMatcher(texts).Find(text));
        }
    }

    [Fact]
    public void TheLeftmostMatchWinsThenTheLongest()
    {
        var matcher = new TextMatcher(["bcde", "ab", "abc", "e"]);
        Assert.Equal([new(0, 3, 2), new(4, 1, 3)], matcher.Find("abcde"));
    }

    [Fact]
    public void TenTimesAsManyTextsTakeAboutTheSameSteps()
    {
        var text = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"{(i * 7919) % 1_000_003:X} <tok{i}> "));
        var few = Steps(20_000);
        var many = Steps(200_000);
        Assert.InRange(few, text.Length / 4, long.MaxValue);
        Assert.InRange(many, few, 2 * few);

        long Steps(int count)
        {
            var steps = 0L;
            var found = new TextMatcher([.. Enumerable.Range(0, count).Select(i => $"<tok{i}>")]).Find(text, ref steps);
            Assert.Equal(20_000, found.Count);
            return steps;
        }
    }

    [Fact]
    public void TextsBeginningAlikeAreNotReadAgainAfterMatches()
    {
        var text = new string('a', 100_000);
        var steps = 0L;
        var matcher = new TextMatcher(["a", new string('a', 10_000) + "b", "b" + new string('a', 10_000)]);
        var found = matcher.Find(text, ref steps);
        Assert.Equal(100_000, found.Count);
        Assert.InRange(steps, 1, 10L * text.Length);
    }

    private static string RandomText(Random random, int shortest, int longest) =>
        new([.. Enumerable.Range(0, random.Next(shortest, longest + 1)).Select(_ => (char)('a' + random.Next(3)))]);

    private static List<TextMatch> Definition(string text, string[] texts)
    {
        var matches = new List<TextMatch>();
        for (var at = 0; at < text.Length;)
        {
            var begins = Enumerable.Range(0, texts.Length).Where(i => text.AsSpan(at).StartsWith(texts[i])).ToList();
            if (begins.Count == 0)
            {
                at++;
                continue;
            }

            var longest = begins.MaxBy(i => texts[i].Length);
            matches.Add(new TextMatch(at, texts[longest].Length, longest));
            at += texts[longest].Length;
        }

        return matches;
    }
}
