namespace TorchKv.Cli.Models;

/// <summary>Counts in words.</summary>
internal static class Words
{
    public static string Threads(int count) => count == 1 ? "1 thread" : $"{count} threads";
}
