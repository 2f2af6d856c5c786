using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Models;

/// <summary>
/// Finds out whether libtorch can be used on this machine. Ask it before the first call of TorchSharp.
/// </summary>
/// <remarks>
/// Where its native library does not load, TorchSharp prints a page to standard output, copies libtorch from the NuGet
/// cache into the program's folder, and tries again. So the library is loaded here first, and TorchSharp is called only
/// if that worked.
/// </remarks>
internal static class Libtorch
{
    private const string NativeLibraryName = "LibTorchSharp";

    private static readonly Lazy<string?> s_problem = new(Load);

    /// <summary>One sentence that says why libtorch cannot be used; null where it can.</summary>
    public static string? Problem => s_problem.Value;

    /// <summary>The version of the TorchSharp package; null where its assembly is not there.</summary>
    public static string? TorchSharpVersion
    {
        get
        {
            try
            {
                return PackageVersion.Of(Assembly.Load("TorchSharp"));
            }
            catch (FileNotFoundException)
            {
                return null;
            }
        }
    }

    /// <exception cref="TorchKvException">libtorch cannot be used.</exception>
    public static void ThrowIfMissing()
    {
        if (Problem is { } problem)
        {
            throw new TorchKvException(problem);
        }
    }

    private static string? Load()
    {
        // Its module initializer keeps libtorch's threads from spinning, and has to run before libtorch is loaded.
        RuntimeHelpers.RunModuleConstructor(Assembly.Load("TorchKv").ManifestModule.ModuleHandle);
        try
        {
            NativeLibrary.Load(NativeLibraryName, Assembly.Load("TorchSharp"), null);
            return null;
        }
        catch (FileNotFoundException)
        {
            return "TorchSharp.dll is not beside this program, and without it there is no libtorch; "
                + LibtorchRemedy.Text;
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
        {
            return Explain(error.Message) is { } reason
                ? $"libtorch could not be loaded: {reason}; {LibtorchRemedy.Text}"
                : $"libtorch was not found beside this program; {LibtorchRemedy.Text}";
        }
    }

    // The message has a line for each place that was looked at. Most say only that no file is there. The one that says
    // something else is the reason.
    private static string? Explain(string message)
    {
        var lines = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length == 1
            ? lines[0].TrimEnd('.')
            : lines.Skip(1).FirstOrDefault(line => !IsAbsence(line));
    }

    private static bool IsAbsence(string line) =>
        line.Contains(NativeLibraryName, StringComparison.Ordinal)
        && line.Contains("No such file", StringComparison.OrdinalIgnoreCase);
}
