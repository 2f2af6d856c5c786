namespace TorchKv.Cli.Models;

/// <summary>Writes counts with the right form of the noun.</summary>
internal static class Words
{
    public static string Threads(int count) => count == 1 ? "1 thread" : $"{count} threads";
}
