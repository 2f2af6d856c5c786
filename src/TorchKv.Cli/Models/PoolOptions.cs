using System.CommandLine;
using TorchKv.Cli.CommandLine;

namespace TorchKv.Cli.Models;

/// <summary>The options that size an engine's pool of KV blocks.</summary>
internal sealed class PoolOptions
{
    private readonly Option<int?> _blocks = Values.Integer(
        "--blocks", "N", 1, 1 << 24, "blocks of 16 tokens in the pool (eight full contexts)");
    private readonly Option<long?> _memory = Values.Bytes("--memory", "bytes of the pool instead, 2GiB for instance");

    public IReadOnlyList<Option> All => [_blocks, _memory];

    /// <summary>The size that is asked for.</summary>
    /// <exception cref="UsageException">Both options were given.</exception>
    public PoolSize Read(ParseResult parsed) => (parsed.GetValue(_blocks), parsed.GetValue(_memory)) switch
    {
        ({ }, { }) => throw new UsageException("--blocks and --memory both size the pool; leave out one of the two."),
        var (blocks, memory) => new PoolSize(blocks ?? 0, memory),
    };

    /// <summary>The option that was given; null: none was.</summary>
    public string? Given(ParseResult parsed) =>
        parsed.GetValue(_blocks) is not null
            ? _blocks.Name
            : parsed.GetValue(_memory) is not null ? _memory.Name : null;
}
