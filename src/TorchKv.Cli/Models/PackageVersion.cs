using System.Reflection;

namespace TorchKv.Cli.Models;

/// <summary>The version of the package that an assembly comes from.</summary>
internal static class PackageVersion
{
    /// <summary>
    /// For example <c>0.107.0</c>: the assembly's version as its package states it, without the build's commit.
    /// </summary>
    public static string Of(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
            ?? assembly.GetName().Version?.ToString(3) ?? "unknown";
}
