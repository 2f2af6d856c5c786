using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.CommandLine;

/// <summary>The command line itself is wrong, or contradicts itself: exit code 2.</summary>
internal sealed class UsageException(string message) : TorchKvException(message);
