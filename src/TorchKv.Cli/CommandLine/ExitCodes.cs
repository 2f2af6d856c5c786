namespace TorchKv.Cli.CommandLine;

/// <summary>The exit codes of <c>torchkv</c>. They do not change, since scripts test them.</summary>
internal static class ExitCodes
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Usage = 2;

    /// <summary>128 + SIGINT, as shells report it.</summary>
    public const int Interrupted = 130;
}
