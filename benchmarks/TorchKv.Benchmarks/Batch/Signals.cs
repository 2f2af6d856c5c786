using System.Runtime.InteropServices;

namespace TorchKv.Benchmarks.Batch;

/// <summary>Signals to processes that this program started.</summary>
internal static class Signals
{
    public const int Kill = 9;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;

    /// <summary>Sends one; a process that has ended gets none.</summary>
    public static void Send(int process, int signal) => _ = KillOf(process, signal);

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int KillOf(int process, int signal);
}
