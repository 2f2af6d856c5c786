using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.CommandLine;

/// <summary>A command line that is wrong or contradicts itself; the exit code is 2.</summary>
internal sealed class UsageException(string message) : TorchKvException(message);
