namespace TorchKv.Benchmarks.Port;

/// <summary>This program, to be started again as a worker.</summary>
internal static class PortProgram
{
    /// <summary>Its path, also where its code runs in another program (a test).</summary>
    public static string Path { get; } = System.IO.Path.Combine(
        AppContext.BaseDirectory, typeof(PortProgram).Assembly.GetName().Name + (
            OperatingSystem.IsWindows() ? ".exe" : ""));
}
