using System.CommandLine;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;

namespace TorchKv.Benchmarks.Kernels;

/// <summary><c>kernels [BenchmarkDotNet's options]</c>: one thread's kernels at GPT-2's shapes.</summary>
internal sealed class KernelsCommand : Command
{
    public KernelsCommand()
        : base("kernels", "The CPU runner's kernels one by one; takes BenchmarkDotNet's options.")
    {
        TreatUnmatchedTokensAsErrors = false;
        SetAction(parsed => Run(parsed.UnmatchedTokens));
    }

    private static void Run(IReadOnlyList<string> options)
    {
        // In this process: a kernel takes no start-up.
        var job = Job.ShortRun.WithToolchain(InProcessNoEmitToolchain.Instance);
        BenchmarkSwitcher.FromTypes([typeof(ProductBenchmarks), typeof(AttentionBenchmarks)])
            .Run(options.Count == 0 ? ["--filter", "*"] : [.. options], DefaultConfig.Instance.AddJob(job));
    }
}
