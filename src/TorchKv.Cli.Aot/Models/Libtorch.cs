using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>Refuses what needs libtorch: this program is compiled ahead of time and has the CPU runner alone.</summary>
internal static class Libtorch
{
    /// <summary>The error of every way that leads to libtorch.</summary>
    public static TorchKvException Missing => new(
        "this program is compiled ahead of time and has no libtorch; take --runner cpu, or the .NET tool TorchKv.Tool "
        + "with libtorch.");

    /// <exception cref="TorchKvException">Always.</exception>
    public static void ThrowIfMissing() => throw Missing;
}
