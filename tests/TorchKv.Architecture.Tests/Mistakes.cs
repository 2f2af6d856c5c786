namespace TorchKv.Architecture.Tests;

internal static class Mistakes
{
    /// <summary>Fails with every mistake in the message, a line each, so that they are mended in one go.</summary>
    public static void AssertNone(IEnumerable<string> mistakes)
    {
        var all = mistakes.Order(StringComparer.Ordinal).ToArray();
        Assert.True(all.Length == 0, string.Join('\n', all));
    }
}
