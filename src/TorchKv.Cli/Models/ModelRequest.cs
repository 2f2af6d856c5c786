namespace TorchKv.Cli.Models;

/// <summary>A model as the command line asks for it.</summary>
/// <param name="Directory">The checkpoint's folder.</param>
/// <param name="Device"><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
/// <param name="Dtype">float32, bfloat16, float16; on the CPU runner also int8, int4.</param>
/// <param name="Runner">The runner asked for; null leaves the choice.</param>
/// <param name="Threads">Threads to compute with; null leaves the choice.</param>
internal sealed record ModelRequest(string Directory, string Device, string Dtype, RunnerKind? Runner, int? Threads)
{
    /// <summary>The pool of KV blocks, where a runner is loaded.</summary>
    public PoolSize Pool { get; init; }

    /// <summary>A smaller model that drafts, behind an engine; null: none.</summary>
    public string? DraftDirectory { get; init; }
}
