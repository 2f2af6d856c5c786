using System.CommandLine;
using BenchmarkDotNet.Running;

namespace TorchKv.Benchmarks.Port;

/// <summary><c>operators [BenchmarkDotNet's options]</c>: a decode step's operations in libtorch, one by one.</summary>
internal sealed class OperatorsCommand : Command
{
    public OperatorsCommand()
        : base("operators", "A decode step's operations one by one; takes BenchmarkDotNet's options.")
    {
        TreatUnmatchedTokensAsErrors = false;
        SetAction(parsed =>
            BenchmarkSwitcher.FromTypes([typeof(PortOperators)]).Run(["--filter", "*", .. parsed.UnmatchedTokens]).Any()
                ? 0
                : 1);
    }
}
