namespace TorchKv.Cli.Models;

/// <summary>What to do where libtorch is not found: the .NET tool comes without it.</summary>
internal static class LibtorchRemedy
{
    public static string Text { get; } =
        "publish any project that has the packages TorchKv and TorchSharp-cpu (for CUDA TorchSharp-cuda-"
        + $"{(OperatingSystem.IsWindows() ? "windows" : "linux")}) {Libtorch.TorchSharpVersion}, and name its output "
        + $"folder in {PathVariable}; or take --runner cpu, which needs no libtorch.";

    private static string PathVariable => OperatingSystem.IsWindows() ? "PATH"
        : OperatingSystem.IsMacOS() ? "DYLD_LIBRARY_PATH"
        : "LD_LIBRARY_PATH";
}
