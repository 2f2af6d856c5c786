using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace TorchKv.Benchmarks.Port;

/// <summary>The name of a GPU, which TorchSharp does not tell.</summary>
internal static class GpuName
{
    /// <summary>
    /// Name and driver as NVIDIA's tool says them, after a comma; empty on another device, and without the tool.
    /// </summary>
    public static string Of(Device device)
    {
        if (device.type != DeviceType.CUDA)
        {
            return "";
        }

        string[] arguments =
        [
            "--query-gpu=name,driver_version",
            "--format=csv,noheader",
            "-i",
            Math.Max(0, device.index).ToString(CultureInfo.InvariantCulture),
        ];
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo("nvidia-smi", arguments) { RedirectStandardOutput = true })!;
            var name = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            return process.ExitCode == 0 && name.Length > 0 ? $", {name}" : "";
        }
        catch (Win32Exception)
        {
            return "";
        }
    }
}
