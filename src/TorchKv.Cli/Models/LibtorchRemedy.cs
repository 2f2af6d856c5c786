namespace TorchKv.Cli.Models;

/// <summary>
/// What to do where libtorch is not found. The build in this repository has it; the .NET tool has a text of its own.
/// </summary>
internal static class LibtorchRemedy
{
    public const string Text = "build the program again, or take --runner cpu, which needs no libtorch.";
}
